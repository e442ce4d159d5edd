import { z } from 'zod';

/** What operators have said of a scope, or of one action of it. What is `null` is left to the scope, then to the configuration. */
export interface SwitchSetting {
  readonly scope: string;
  /** `null`: all actions of the scope that nothing else is said of. */
  readonly action: string | null;
  readonly enabled: boolean | null;
  readonly ttlMs: number | null;
  /** Who, why, when (Unix ms), and the audit row that tells of it. */
  readonly actor: string;
  readonly reason: string;
  readonly at: number;
  readonly requestId: string;
}

const STORED = z.object({
  enabled: z.boolean().nullable(),
  ttlMs: z.number().positive().nullable(),
  actor: z.string(),
  reason: z.string(),
  at: z.number(),
  requestId: z.string(),
});

/** `/` is in no name of a scope or an action. */
export function nameOf({ scope, action }: Pick<SwitchSetting, 'scope' | 'action'>): string {
  return action === null ? scope : `${scope}/${action}`;
}

export function toText({ enabled, ttlMs, actor, reason, at, requestId }: SwitchSetting): string {
  return JSON.stringify({ enabled, ttlMs, actor, reason, at, requestId });
}

/** `null` for what another version, or a stranger, has written. */
export function fromText(name: string, text: string): SwitchSetting | null {
  const [scope, action = null] = name.split('/') as [string, string?];
  try {
    return { scope, action, ...STORED.parse(JSON.parse(text)) };
  } catch {
    return null;
  }
}

/** True for a setting that says nothing. */
export function isEmpty({ enabled, ttlMs }: SwitchSetting): boolean {
  return enabled === null && ttlMs === null;
}
