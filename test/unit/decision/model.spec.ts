import fc from 'fast-check';
import { compilePattern } from '../../../libs/cache/src/core/keys/key-pattern.js';
import {
  compareFeedEpochs,
  DecisionStatus,
  InvalidationRequest,
  InvalidationType,
  type DecisionEntry,
} from '../../../libs/cache/src/nest/decision/index.js';
import { decisionApp, entryOf, type DecisionApp } from './decision-app.js';

/** `npm run test:decisions` lets it be 20,000. */
const RUNS = Number(process.env.LARDER_TEST_DECISION_RUNS ?? 300);

const KEYS = ['a:1', 'a:2', 'b:1', 'b:%'];
const POLICIES = ['p1', 'p10'];
const SIGNERS = ['s1', 's2'];
const EPOCHS = ['e9', 'e10', 'E9', 'e'];
const PATTERNS = ['a:*', '*:1', 'b:%', '*', '/:1$/', 'c*'];

type Facets = Pick<DecisionEntry, 'policyHash' | 'signerSetHash' | 'feedEpoch'>;
type Step =
  | { readonly do: 'set' | 'compute' | 'anew'; readonly key: string; readonly facets: Facets; readonly lifeMs: number }
  | { readonly do: 'fail' | 'get' | 'bypass' | 'invalidate'; readonly key: string }
  | { readonly do: 'invalidateBy'; readonly request: InvalidationRequest }
  | { readonly do: 'prune' | 'count' }
  | { readonly do: 'wait'; readonly ms: number };

const key = fc.constantFrom(...KEYS);
const facets = fc.record({
  policyHash: fc.constantFrom(...POLICIES),
  signerSetHash: fc.constantFrom(...SIGNERS),
  feedEpoch: fc.constantFrom(...EPOCHS),
});
const request: fc.Arbitrary<InvalidationRequest> = fc.oneof(
  fc.constantFrom(...POLICIES).map((hash) => InvalidationRequest.byPolicyHash(hash)),
  fc.constantFrom(...SIGNERS).map((hash) => InvalidationRequest.bySignerSetHash(hash)),
  fc.constantFrom(...EPOCHS).map((epoch) => InvalidationRequest.byFeedEpochOlderThan(epoch)),
  fc.constantFrom(...PATTERNS).map((pattern) => InvalidationRequest.byPattern(pattern)),
  fc.constant({ type: InvalidationType.Expired, value: '' }),
);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constantFrom('set', 'compute', 'anew'),
    key,
    facets,
    lifeMs: fc.constantFrom(-1, 0, 10, 1_000),
  }),
  fc.record({ do: fc.constantFrom('fail', 'get', 'bypass', 'invalidate'), key }),
  fc.record({ do: fc.constant('invalidateBy' as const), request }),
  fc.record({ do: fc.constantFrom('prune', 'count') }),
  fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(1, 9, 10, 990) }),
);

/** What a decision cache is, without tiers. */
class Model {
  readonly entries = new Map<string, DecisionEntry>();
  now = 0;

  live(veriKey: string): DecisionEntry | undefined {
    const entry = this.entries.get(veriKey);
    return entry !== undefined && !this.expired(entry) ? entry : undefined;
  }

  expired = ({ expiresAt }: DecisionEntry): boolean => expiresAt.getTime() <= this.now;

  remove(hits: (entry: DecisionEntry) => boolean): number {
    const gone = [...this.entries.values()].filter(hits);
    for (const { veriKey } of gone) this.entries.delete(veriKey);
    return gone.length;
  }

  hits({ type, value }: InvalidationRequest): (entry: DecisionEntry) => boolean {
    switch (type) {
      case InvalidationType.PolicyHash:
        return ({ policyHash }) => policyHash === value;
      case InvalidationType.SignerSetHash:
        return ({ signerSetHash }) => signerSetHash === value;
      case InvalidationType.FeedEpochOlderThan:
        return ({ feedEpoch }) => compareFeedEpochs(feedEpoch, value) < 0;
      case InvalidationType.Pattern: {
        const pattern = compilePattern(value);
        return ({ veriKey }) => pattern.test(veriKey);
      }
      case InvalidationType.Expired:
        return this.expired;
    }
  }
}

describe('the decision cache against a model of it', () => {
  let app: DecisionApp;
  beforeAll(async () => {
    app = await decisionApp();
  });
  afterAll(() => app.close());

  it(
    `answers as the model does, in ${RUNS} histories`,
    async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
          await app.decisions.invalidateBy(InvalidationRequest.byPattern('*'));
          const model = new Model();
          let decided = 0;
          for (const each of steps) {
            model.now = app.clock.wall();
            decided += 1;
            expect([each, await carryOut(each, decided)]).toEqual([each, expected(model, each, decided)]);
          }
        }),
        { numRuns: RUNS },
      );
    },
    60_000 + RUNS * 60,
  );

  const made = (veriKey: string, { facets: of, lifeMs }: Step & { facets: Facets; lifeMs: number }, nth: number) => {
    const at = new Date(app.clock.wall());
    return entryOf(veriKey, at, { ...of, decision: nth, expiresAt: new Date(at.getTime() + lifeMs) });
  };

  /** What a step shows to its caller. */
  async function carryOut(each: Step, nth: number): Promise<unknown> {
    const { decisions } = app;
    switch (each.do) {
      case 'set':
        return decisions.set(made(each.key, each, nth));
      case 'compute':
      case 'anew':
        return (await decisions.getOrCompute(each.key, () => made(each.key, each, nth), each.do === 'anew')).decision;
      case 'fail':
        return decisions
          .getOrCompute(each.key, () => Promise.reject(new Error('failed')))
          .then(
            ({ decision }) => decision,
            (error: Error) => error.message,
          );
      case 'get':
      case 'bypass': {
        const { status, entry } = await decisions.get(each.key, each.do === 'bypass');
        return [status, entry?.decision ?? null];
      }
      case 'invalidate':
        return decisions.invalidate(each.key);
      case 'invalidateBy':
        return (await decisions.invalidateBy(each.request)).entriesAffected;
      case 'prune':
        return decisions.pruneExpired();
      case 'count':
        return (await decisions.getMetrics()).currentEntryCount;
      case 'wait':
        return app.clock.advance(each.ms);
    }
  }

  /** What the model shows. */
  function expected(model: Model, each: Step, nth: number): unknown {
    switch (each.do) {
      case 'set':
        model.entries.set(each.key, made(each.key, each, nth));
        return true;
      case 'compute':
      case 'anew': {
        const live = each.do === 'anew' ? undefined : model.live(each.key);
        if (live === undefined) model.entries.set(each.key, made(each.key, each, nth));
        return live?.decision ?? nth;
      }
      case 'fail':
        return model.live(each.key)?.decision ?? 'failed';
      case 'get': {
        const entry = model.entries.get(each.key);
        if (entry === undefined) return [DecisionStatus.CacheMiss, null];
        return [model.expired(entry) ? DecisionStatus.Expired : DecisionStatus.CacheHit, entry.decision];
      }
      case 'bypass':
        return [DecisionStatus.Bypassed, null];
      case 'invalidate':
        return model.entries.delete(each.key);
      case 'invalidateBy':
        return model.remove(model.hits(each.request));
      case 'prune':
        return model.remove(model.expired);
      case 'count':
        return model.entries.size;
      case 'wait':
        return undefined;
    }
  }
});
