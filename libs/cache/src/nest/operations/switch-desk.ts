import { Inject, Injectable } from '@nestjs/common';
import { z } from 'zod';
import { durationToMs } from '../../core/clock/duration.js';
import { CacheError } from '../../core/errors/cache-error.js';
import { AdminError } from '../admin/admin-error.js';
import { AdminGate } from '../admin/admin-gate.js';
import { readBody } from '../admin/request-body.js';
import { CacheRegistry } from '../cache-registry.js';
import { CacheRuntime } from '../cache-runtime.js';
import type { HttpRequest } from '../http/http-request.js';
import { isEmpty, nameOf, type SwitchSetting } from '../switches/switch-setting.js';
import { OperationsAudit } from './operations-audit.js';
import { ORDER_FIELDS, ORDER_FORM } from './operator-order.js';

/** What is said of a scope or an action at run time. Names as on the wire. */
export interface SwitchRow {
  readonly scope: string;
  /** `null`: all actions of the scope that have no row of their own. */
  readonly action: string | null;
  /** `null`: as the scope says, then as configured. */
  readonly enabled: boolean | null;
  readonly ttl_ms: number | null;
  readonly triggered_by: string;
  readonly reason: string;
  readonly at: string;
  readonly request_id: string;
}

export interface SwitchesReply {
  readonly switches: readonly SwitchRow[];
  /** Whom a switch concerns. */
  readonly applies_to: 'all instances' | 'this process';
  readonly instance: string;
}

export type SwitchReply = { readonly success: true; readonly was_logged?: false } & SwitchRow &
  Pick<SwitchesReply, 'applies_to' | 'instance'>;

const NAME = z.string().min(1).max(128);
const SWITCH_FORM = {
  schema: z.strictObject({
    scope: NAME,
    action: NAME.optional(),
    enabled: z.boolean().nullable().optional(),
    ttl: z
      .union([z.number(), z.string().max(32)])
      .nullable()
      .optional(),
    ...ORDER_FORM,
    reason: ORDER_FORM.reason.unwrap(),
  }),
  fields: {
    scope: 'the name of a scope',
    action: 'the name of an action of the scope',
    enabled: 'true, false, or null for what is configured',
    ttl: 'seconds, text such as "5m", or null for what is configured',
    ...ORDER_FIELDS,
  },
  cure: 'Send e.g. {"scope": "user", "enabled": false, "reason": "wrong names are shown"}; what is left out is as configured.',
};

/** Switches scopes and actions while the application runs. */
@Injectable()
export class SwitchDesk {
  constructor(
    @Inject(CacheRuntime) private readonly runtime: CacheRuntime,
    @Inject(CacheRegistry) private readonly registry: CacheRegistry,
    @Inject(AdminGate) private readonly gate: AdminGate,
    @Inject(OperationsAudit) private readonly audit: OperationsAudit,
  ) {}

  /** @throws AdminError 429 */
  async list(request: HttpRequest): Promise<SwitchesReply> {
    await this.gate.look(request);
    const rows = this.runtime.switches.all().map(rowOf);
    return { switches: rows.sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1)), ...this.reach() };
  }

  /**
   * In effect on this instance when it is answered, and on the others as soon as they hear of it.
   *
   * @throws AdminError 400, 403, 404, 413, 415, 429, or 503 where it is unknown whether all instances will have it
   */
  async change(request: HttpRequest): Promise<SwitchReply> {
    const { scope, action = null, enabled = null, ttl = null, ...order } = readBody(request, SWITCH_FORM);
    const ttlMs = ttl === null ? null : ttlOf(ttl);
    this.assertKnown(scope, action);
    const { name } = await this.gate.pass(request, { command: 'switch', scopes: [scope] });
    const setting: SwitchSetting = {
      scope,
      action,
      enabled,
      ttlMs,
      actor: order.triggered_by ?? name,
      reason: order.reason,
      at: this.runtime.clock.wall(),
      requestId: this.audit.newId(),
    };
    await this.set(setting);
    const said = [`enabled=${enabled ?? 'as configured'}`, `ttl=${ttlMs === null ? 'as configured' : `${ttlMs} ms`}`];
    const what = `switch: ${nameOf(setting)} ${isEmpty(setting) ? 'as configured' : said.join(' ')}`;
    const { requestId } = setting;
    const { logged } = await this.audit.note({ what, order, principal: name, requestId });
    return { success: true, ...rowOf(setting), ...this.reach(), ...(logged ? {} : { was_logged: false }) };
  }

  private async set(setting: SwitchSetting): Promise<void> {
    try {
      await this.runtime.switches.set(setting);
    } catch (error) {
      throw new AdminError(
        error instanceof CacheError ? error.code : 'LARDER_TIER_UNAVAILABLE',
        'Expected the shared tier to take the switch, got a failure: some instances may have it, others not. Repeat the request; that is harmless.',
        503,
        {},
        { cause: error },
      );
    }
  }

  private reach(): Pick<SwitchesReply, 'applies_to' | 'instance'> {
    const { switches, instanceId } = this.runtime;
    return { applies_to: switches.forAll ? 'all instances' : 'this process', instance: instanceId };
  }

  /** A name with a slip in it would be switched, and nothing would change. */
  private assertKnown(scope: string, action: string | null): void {
    const counted = this.runtime.counters.all();
    const scopes = new Set([...this.registry.declaredScopes(), ...counted.map((each) => each.scope)]);
    if (!scopes.has(scope)) {
      throw new AdminError(
        'LARDER_SCOPE_UNKNOWN',
        'Expected a scope in which something is cached, got another. `known_scopes` names them.',
        404,
        { field: 'scope', known_scopes: [...scopes].sort() },
      );
    }
    const ofScope = counted.filter((each) => each.scope === scope).map((each) => each.action);
    const actions = new Set([...this.registry.declaredIn(scope), ...ofScope]);
    if (action === null || actions.has(action)) return;
    throw new AdminError(
      'LARDER_SCOPE_UNKNOWN',
      `Expected an action of the scope \`${scope}\` (${[...actions].sort().join(', ')}), got another. Check the name, or leave it out for all.`,
      404,
      { field: 'action' },
    );
  }
}

function rowOf({ scope, action, enabled, ttlMs, actor, reason, at, requestId }: SwitchSetting): SwitchRow {
  const by = { triggered_by: actor, reason, at: new Date(at).toISOString(), request_id: requestId };
  return { scope, action, enabled, ttl_ms: ttlMs, ...by };
}

/** @throws AdminError 400 */
function ttlOf(ttl: number | string): number {
  const ms = readTtl(ttl);
  if (ms > 0 && ms <= MAX_TTL_MS) return ms;
  throw new AdminError(
    'LARDER_REQUEST_INVALID',
    'Expected `ttl` to be more than 0 and at most 365 days, got another length of time. Send seconds as a number, or text such as "5m"; to switch off, send {"enabled": false}.',
    400,
    { field: 'ttl' },
  );
}

const MAX_TTL_MS = 365 * 86_400_000;

function readTtl(ttl: number | string): number {
  try {
    return durationToMs(ttl);
  } catch {
    return Number.NaN;
  }
}
