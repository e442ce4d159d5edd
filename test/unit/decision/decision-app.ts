import { Test } from '@nestjs/testing';
import type { INestApplicationContext, Type } from '@nestjs/common';
import { CacheModule, type CacheModuleOptions } from '../../../libs/cache/src/index.js';
import {
  DecisionCacheModule,
  DecisionCacheService,
  type DecisionCacheOptions,
  type DecisionEntry,
} from '../../../libs/cache/src/nest/decision/index.js';
import { ManualClock } from '../../../libs/cache/src/testing/manual-clock.js';

export interface DecisionApp {
  readonly decisions: DecisionCacheService;
  readonly app: INestApplicationContext;
  readonly clock: ManualClock;
  close(): Promise<void>;
}

/** An application with a decision cache on a clock that stands. */
export async function decisionApp(
  options: DecisionCacheOptions = {},
  cache: CacheModuleOptions = {},
  providers: Type[] = [],
): Promise<DecisionApp> {
  const clock = new ManualClock();
  const module = await Test.createTestingModule({
    imports: [CacheModule.forRoot({ clock, ...cache }), DecisionCacheModule.forRoot(options)],
    providers,
  }).compile();
  const app = module.createNestApplication({ logger: false });
  await app.init();
  return { decisions: app.get(DecisionCacheService), app, clock, close: () => app.close() };
}

export const HOUR_MS = 3_600_000;

/** An entry that lives for an hour from `at`. */
export function entryOf(veriKey: string, at: Date, changes: Partial<DecisionEntry> = {}): DecisionEntry {
  return {
    veriKey,
    decision: { allowed: true, of: veriKey },
    policyHash: 'p1',
    signerSetHash: 's1',
    feedEpoch: 'e1',
    createdAt: at,
    expiresAt: new Date(at.getTime() + HOUR_MS),
    ...changes,
  };
}
