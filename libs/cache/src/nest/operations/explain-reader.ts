import { Inject, Injectable } from '@nestjs/common';
import { z } from 'zod';
import type { TierEntryState } from '../../core/coherence/tier-inspection.js';
import { CacheError } from '../../core/errors/cache-error.js';
import { isWellFormed } from '../../core/keys/well-formed.js';
import { AdminError } from '../admin/admin-error.js';
import { AdminGate } from '../admin/admin-gate.js';
import { MAX_KEY_BYTES } from '../admin/admin-request.js';
import { readQuery } from '../admin/request-query.js';
import { CacheRuntime } from '../cache-runtime.js';
import type { HttpRequest } from '../http/http-request.js';
import { KeyExplainer, type HitExplanation, type KeyExplanation } from '../key-explainer.js';

const FORM = {
  schema: z.strictObject({
    key: z
      .string()
      .min(1)
      .refine((text) => Buffer.byteLength(text) <= MAX_KEY_BYTES && isWellFormed(text)),
    backend: z.string().min(1).max(64).optional(),
  }),
  fields: {
    key: `non-empty, well-formed text of at most ${MAX_KEY_BYTES} bytes`,
    backend: 'the name of a backend that is in use, or nothing',
  },
  cure: 'Ask e.g. `?key=user:get_user:123`: the key with its scope.',
};

/** Explains one key over HTTP. Names as on the wire. */
@Injectable()
export class ExplainReader {
  private readonly explainer: KeyExplainer;

  constructor(
    @Inject(CacheRuntime) runtime: CacheRuntime,
    @Inject(AdminGate) private readonly gate: AdminGate,
  ) {
    this.explainer = new KeyExplainer(runtime);
  }

  /** @throws AdminError 400, 429 */
  async explain(request: HttpRequest) {
    await this.gate.look(request);
    const { key, backend } = readQuery(request.query, FORM);
    try {
      return shownAs(await this.explainer.explain(key, backend));
    } catch (error) {
      if (!(error instanceof CacheError) || error.code !== 'LARDER_OPTION_INVALID') throw error;
      throw new AdminError('LARDER_REQUEST_INVALID', error.message, 400, { field: 'backend' });
    }
  }
}

export type ExplainReply = ReturnType<typeof shownAs>;

function shownAs({ key, instance, backend, memory, shared, ...rest }: KeyExplanation) {
  const { tags, lastMiss, lastInvalidation, invalidatedBy } = rest;
  return {
    key,
    instance,
    backend,
    memory: memory && {
      servable: memory.servable,
      age_ms: memory.ageMs,
      fresh_ms: memory.freshMs,
      keep_ms: memory.keepMs,
      bytes: memory.bytes,
    },
    shared: shared && { tier: shared.tier, state: shared.state, entry: shared.entry && entryOf(shared.entry) },
    tags: tags.map(({ tag, invalidatedAt, by }) => ({
      tag,
      invalidated_at: invalidatedAt,
      request_id: by?.requestId ?? null,
    })),
    last_miss: lastMiss && { cause: lastMiss.cause, at: iso(lastMiss.at), by: hitOf(lastMiss.by) },
    last_invalidation: hitOf(lastInvalidation),
    invalidated_by: invalidatedBy && {
      id: invalidatedBy.id,
      pattern: invalidatedBy.pattern,
      triggered_by: invalidatedBy.triggeredBy,
      reason: invalidatedBy.reason,
      timestamp: iso(invalidatedBy.timestampMs),
      request_id: invalidatedBy.requestId,
    },
  };
}

function entryOf({ fault, position, freshMs, keepMs, bytes }: TierEntryState) {
  return { valid: fault === null, fault, position, fresh_ms: freshMs, keep_ms: keepMs, bytes };
}

function hitOf(hit: HitExplanation | null) {
  if (hit === null) return null;
  const { kind, target, by } = hit;
  return {
    kind,
    target,
    position: by?.position ?? null,
    request_id: by?.requestId ?? null,
    at: by === null ? null : iso(by.at),
  };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
