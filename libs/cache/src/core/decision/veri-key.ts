import { createHash } from 'node:crypto';
import { CacheError, describeInput } from '../errors/cache-error.js';

/** What a decision is made from. Digests are taken lower-cased and without a leading `sha256:`. */
export interface VeriKeyInputs {
  /** Digest of what is decided on. */
  readonly source: string;
  /** Digest of its bill of materials. */
  readonly sbom: string;
  /** Digests of the VEX statements; a set: neither order nor repetition counts. @default none */
  readonly vex?: Iterable<string>;
  readonly policy: string;
  /** Digests of the signers; a set. @default none */
  readonly signers?: Iterable<string>;
  /** When it is decided; the key is the same all through a window. */
  readonly at: Date;
  /** Length of a window, ms. @default 3_600_000, an hour */
  readonly windowMs?: number;
}

const DEFAULT_WINDOW_MS = 3_600_000;

/**
 * The key of a decision by its inputs: who decides the same from the same finds the decision that stands.
 *
 *     'sha256:' + hex(SHA-256('v1|' + source + '|' + sbom + '|' + vexSet + '|' + policy + '|' + signerSet + '|' + window))
 *
 * where a set is the hex SHA-256 of its distinct digests, sorted by code units and joined with `|`; the empty sets are the
 * words `empty-vex-set` and `empty-signer-set`, not hashed; and the window is the start of the window that `at` lies in,
 * counted from 1970, as `2026-01-01T00:00:00.000Z`.
 *
 * @throws CacheError `LARDER_DECISION_INVALID` naming the input, also for one that holds `|`
 */
export function veriKey(inputs: VeriKeyInputs): string {
  const { source, sbom, policy, vex = [], signers = [], at, windowMs = DEFAULT_WINDOW_MS } = inputs;
  const parts = [
    'v1',
    digest('source', source),
    digest('sbom', sbom),
    digestSet('vex', vex, 'empty-vex-set'),
    digest('policy', policy),
    digestSet('signers', signers, 'empty-signer-set'),
    windowStart(at, windowMs),
  ];
  return `sha256:${sha256(parts.join('|'))}`;
}

/** The hash of a set of digests, as it stands in a VeriKey: for `signerSetHash` and the like. @default empty 'empty-set' */
export function digestSetHash(digests: Iterable<string>, empty = 'empty-set'): string {
  return digestSet('digests', digests, empty);
}

function digestSet(field: string, digests: Iterable<string>, empty: string): string {
  const distinct = [...new Set(Array.from(digests, (each) => digest(field, each)))];
  return distinct.length === 0 ? empty : sha256(distinct.sort(byCodeUnits).join('|'));
}

function digest(field: string, text: unknown): string {
  if (typeof text !== 'string' || text === '' || text.includes('|')) throw invalid(field, 'a digest without `|`', text);
  return text.toLowerCase().replace(/^sha256:/, '');
}

function windowStart(at: Date, windowMs: number): string {
  if (!(at instanceof Date) || Number.isNaN(at.getTime())) throw invalid('at', 'a valid Date', at);
  if (!Number.isSafeInteger(windowMs) || windowMs <= 0) throw invalid('windowMs', 'a whole number above 0', windowMs);
  return new Date(Math.floor(at.getTime() / windowMs) * windowMs).toISOString();
}

function byCodeUnits(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function invalid(field: string, expected: string, got: unknown): CacheError {
  return new CacheError(
    'LARDER_DECISION_INVALID',
    `Expected \`${field}\` of a VeriKey to be ${expected}, got ${describeInput(got)}. See the recipe of veriKey.`,
  );
}
