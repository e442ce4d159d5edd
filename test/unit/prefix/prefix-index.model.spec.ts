import fc from 'fast-check';
import type { HubInstance } from '../../../libs/cache/src/adapters/memory/memory-hub.js';
import type { IndexScope, ScopePart } from '../../../libs/cache/src/core/prefix/index-scope.js';
import type { PrefixIndex } from '../../../libs/cache/src/core/prefix/prefix-index.js';
import type { PrefixTicket } from '../../../libs/cache/src/core/prefix/prefix-ticket.js';
import { TtlTier } from '../../../libs/cache/src/core/prefix/ttl-tier.js';
import { PrefixRig, SCOPE } from './prefix-rig.js';

const SCOPES: readonly IndexScope[] = [
  SCOPE,
  { ...SCOPE, principalId: '99999999-2222-4333-8444-555555555555' },
  { ...SCOPE, virtualModel: 'other' },
  { ...SCOPE, tokenizerVersion: 'v2' },
];
const HASHES = [0, 1, 2].map((n) => Uint8Array.of(0xff, n));
const PARTS: readonly ScopePart[] = [
  { principalId: SCOPE.principalId },
  { virtualModel: 'model' },
  { tokenizerVersion: 'v1' },
  'all',
];

const one = fc.nat(1);
const scope = fc.nat(SCOPES.length - 1);
const hash = fc.nat(HASHES.length - 1);
const step = fc.oneof(
  fc.record({ do: fc.constant('begin' as const), at: one, scope }),
  fc.record({
    do: fc.constant('write' as const),
    at: one,
    scope,
    hash,
    count: fc.nat(9),
    tier: fc.nat(1),
    ticket: fc.boolean(),
  }),
  fc.record({ do: fc.constant('slide' as const), at: one, scope, hash }),
  fc.record({ do: fc.constant('invalidate' as const), at: one, part: fc.nat(PARTS.length - 1) }),
  fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(1, 1_000, 100_000, 300_000, 3_600_000) }),
  fc.record({ do: fc.constant('cut' as const), off: fc.boolean() }),
  fc.record({ do: fc.constant('forget' as const) }),
  fc.record({ do: fc.constant('look' as const), at: one, scope }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** What the index owes, in its plainest form: one map, no tiers, no fences, no windows. */
class Reference {
  private readonly entries = new Map<string, { count: number; tier: TtlTier; expiresAt: number; scope: number }>();
  private readonly invalidatedAt: number[] = SCOPES.map(() => -1);
  private moment = 0;

  begin(): number {
    return this.moment;
  }

  write(at: number, hash: number, count: number, tier: TtlTier, now: number, began: number): boolean {
    if (this.invalidatedAt[at]! > began) return false;
    this.entries.set(`${at} ${hash}`, { count, tier, expiresAt: now + tier.durationMs, scope: at });
    return true;
  }

  slide(at: number, hash: number, now: number): void {
    const entry = this.entries.get(`${at} ${hash}`);
    if (entry !== undefined && entry.expiresAt > now)
      entry.expiresAt = Math.max(entry.expiresAt, now + entry.tier.durationMs);
  }

  invalidate(part: ScopePart): void {
    this.moment += 1;
    SCOPES.forEach((each, at) => {
      const [[name, value]] = part === 'all' ? [['', '']] : (Object.entries(part) as [[string, string]]);
      if (part !== 'all' && each[name as keyof IndexScope] !== value) return;
      this.invalidatedAt[at] = this.moment;
      for (const [key, entry] of this.entries) if (entry.scope === at) this.entries.delete(key);
    });
  }

  live(at: number, now: number) {
    return HASHES.flatMap((_, hash) => {
      const entry = this.entries.get(`${at} ${hash}`);
      return entry !== undefined && entry.expiresAt > now ? [{ hash, ...entry }] : [];
    });
  }
}

async function follow(steps: readonly Step[]): Promise<void> {
  const rig = new PrefixRig();
  const instances: { index: PrefixIndex; tier: HubInstance }[] = [await rig.instance(), await rig.instance()];
  const reference = new Reference();
  const tickets: ({ ticket: PrefixTicket; began: number } | undefined)[][] = instances.map(() => []);
  const now = () => rig.clock.wall();
  let wasCut = false;
  for (const each of steps) {
    if (each.do === 'pass') {
      await rig.clock.advanceAsync(each.ms);
      continue;
    }
    if (each.do === 'forget') {
      rig.hub.changeHistory('rig');
      continue;
    }
    if (each.do === 'cut') {
      wasCut ||= each.off;
      for (const { tier } of instances)
        if (each.off) tier.cutOff();
        else tier.reconnect();
      await rig.clock.advanceAsync(500); // what could not be removed meanwhile is
      continue;
    }
    const { index, tier } = instances[each.at]!;
    const at = 'scope' in each ? each.scope : 0;
    switch (each.do) {
      case 'begin':
        tickets[each.at]![at] = {
          ticket: (await index.begin(SCOPES[at]!, HASHES)).ticket,
          began: reference.begin(),
        };
        break;
      case 'write': {
        const begun = each.ticket ? tickets[each.at]![at] : undefined;
        const ttlTier = TtlTier.all[each.tier]!;
        const entry = { scope: SCOPES[at]!, prefixHash: HASHES[each.hash]!, cumulativeTokenCount: each.count, ttlTier };
        const written = await index.write(entry, begun?.ticket ?? null);
        const began = begun?.began ?? reference.begin();
        expect(written).toBe(reference.write(at, each.hash, each.count, ttlTier, now(), began));
        break;
      }
      case 'slide':
        await index.slide(SCOPES[at]!, HASHES[each.hash]!);
        await index.flush();
        reference.slide(at, each.hash, now());
        break;
      case 'invalidate':
        // Where the log cannot be reached it is not acknowledged, though the store has done its part.
        await index.invalidate(PARTS[each.part]!).catch(() => undefined);
        reference.invalidate(PARTS[each.part]!);
        if (tier.log.health().state === 'detached') {
          for (const each of instances) each.tier.reconnect();
          await rig.clock.advanceAsync(500);
          await index.invalidate(PARTS[each.part]!);
          reference.invalidate(PARTS[each.part]!);
        }
        break;

      case 'look': {
        const found = await index.lookup(SCOPES[at]!, HASHES);
        const live = new Map(found.map((match) => [match.prefixHash[1]!, match]));
        const owed = reference.live(at, now());
        expect([...live.keys()].sort((a, b) => a - b)).toEqual(owed.map(({ hash }) => hash));
        for (const { hash, count, tier, expiresAt } of owed) {
          const match = live.get(hash)!;
          expect([match.cumulativeTokenCount, match.ttlTier]).toEqual([count, tier]);
          // What slid while the accelerator was away is told there by its earlier expiry, and found in the store after that.
          if (wasCut) expect(match.expiresAt.getTime()).toBeLessThanOrEqual(expiresAt);
          else expect(match.expiresAt.getTime()).toBe(expiresAt);
        }
        break;
      }
    }
  }
}

/** How many histories are tried; `npm run test:prefixes` tries 20,000. */
const RUNS = Number(process.env.LARDER_TEST_PREFIX_RUNS ?? 1_000);

describe('two instances of an index, with windows, cuts and losses', () => {
  it(
    `answer as one map would, in ${RUNS} histories`,
    async () => {
      const property = fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 20 }), follow);
      await fc.assert(property, { numRuns: RUNS });
    },
    60_000 + RUNS * 60,
  );
});
