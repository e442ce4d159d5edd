import { createHash, randomUUID } from 'node:crypto';
import type { INestApplicationContext } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { CacheModule, type Clock } from 'nestjs-larder';
import {
  PrefixCache,
  PrefixIndex,
  PrefixIndexModule,
  TtlTier,
  type IndexScope,
  type PrefixEntry,
} from 'nestjs-larder/prefix';
import { redis } from 'nestjs-larder/redis';
import { typeormAudit, typeormOutbox, typeormPrefixes } from 'nestjs-larder/typeorm';
import type { DataSource } from 'typeorm';

export const hashOf = (text: string): Uint8Array => createHash('sha256').update(text).digest();

export function newScope(): IndexScope {
  return { principalId: randomUUID(), virtualModel: 'model', tokenizerVersion: 'v1' };
}

export function entryOf(scope: IndexScope, text: string, more: Partial<PrefixEntry> = {}): PrefixEntry {
  return { scope, prefixHash: hashOf(text), cumulativeTokenCount: 10, ttlTier: TtlTier.FiveMinutes, ...more };
}

export interface GatewayOptions {
  readonly dataSource: DataSource;
  readonly redisUrl?: string;
  readonly clock?: Clock;
  /** @default as the module's */
  readonly softTimeout?: string;
  /** @default as the module's */
  readonly findTimeout?: string;
}

/** One instance of a gateway: Nest, PostgreSQL for the index, and Redis before it where there is one. */
export class Gateway {
  readonly index: PrefixIndex;
  readonly cache: PrefixCache;
  /** Statements on the index, by what tells them apart. */
  readonly statements: string[] = [];

  private constructor(
    readonly app: INestApplicationContext,
    readonly dataSource: DataSource,
  ) {
    this.index = app.get(PrefixIndex);
    this.cache = app.get(PrefixCache);
    const query = dataSource.query.bind(dataSource);
    dataSource.query = ((sql: string, ...rest: unknown[]) => {
      const kind = /\bSET expires_at|_lookup|_write|prompt_cache_fence\(|DELETE/.exec(sql)?.[0];
      if (kind !== undefined && sql.includes('prompt_cache')) this.statements.push(kind);
      return (query as (...args: unknown[]) => unknown)(sql, ...rest);
    }) as typeof dataSource.query;
  }

  static async open({ dataSource, redisUrl, clock, softTimeout, findTimeout }: GatewayOptions): Promise<Gateway> {
    const module = await Test.createTestingModule({
      imports: [
        CacheModule.forRoot({
          namespace: 'gateway',
          outbox: typeormOutbox({ dataSource, listen: false }),
          audit: typeormAudit({ dataSource }),
          ...(redisUrl === undefined ? {} : { backend: redis({ url: redisUrl, lease: '500ms', retryMax: '200ms' }) }),
          ...(clock === undefined ? {} : { clock }),
        }),
        PrefixIndexModule.forRoot({
          store: typeormPrefixes({ dataSource }),
          ...(softTimeout === undefined ? {} : { softTimeout }),
          ...(findTimeout === undefined ? {} : { cache: { findTimeout } }),
        }),
      ],
    }).compile();
    module.useLogger(false);
    await module.init();
    return new Gateway(module, dataSource);
  }

  lookups(): number {
    return this.statements.filter((statement) => statement === '_lookup').length;
  }

  updates(): number {
    return this.statements.filter((statement) => statement === 'SET expires_at').length;
  }

  close(): Promise<void> {
    return this.app.close();
  }
}

export async function until(what: string, holds: () => boolean | Promise<boolean>, limitMs = 15_000): Promise<void> {
  const giveUpAt = performance.now() + limitMs;
  while (!(await holds())) {
    if (performance.now() > giveUpAt) throw new Error(`waited ${limitMs} ms in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
