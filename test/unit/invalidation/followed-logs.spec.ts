import { MemoryInvalidationLog } from '../../../libs/cache/src/adapters/memory/memory-invalidation-log.js';
import type { Invalidation } from '../../../libs/cache/src/core/coherence/invalidation.js';
import type { AppendReceipt } from '../../../libs/cache/src/core/coherence/invalidation-log.port.js';
import { CacheError } from '../../../libs/cache/src/core/errors/cache-error.js';
import { FollowedLogs } from '../../../libs/cache/src/core/invalidation/followed-logs.js';
import { isInfrastructureFailure } from '../../../libs/cache/src/core/outbox/infrastructure-failure.js';
import { CacheRig } from '../engine/cache-rig.js';

const AWAY = new CacheError('LARDER_LOG_UNAVAILABLE', 'Expected a server, got ECONNREFUSED.');

/** A log that answers as it is told. */
class ToldLog extends MemoryInvalidationLog {
  failure: unknown = null;
  executed = 0;

  constructor(
    private readonly start: number,
    private readonly drops: number,
  ) {
    super();
  }

  override async append(invalidation: Invalidation): Promise<AppendReceipt> {
    if (this.failure !== null) throw this.failure;
    this.executed += 1;
    const { position } = await super.append(invalidation);
    return { position: `${this.start} ${position}`, removed: this.drops };
  }
}

async function several() {
  const rigs = await Promise.all([1, 2].map((n) => CacheRig.open({ log: new ToldLog(n, n * 10) })));
  const [main, side] = rigs as [CacheRig, CacheRig];
  const logs = new FollowedLogs({ name: 'main', log: main.log, applier: main.applier });
  logs.add({ name: 'side', log: side.log, applier: side.applier });
  return { logs, rigs, ofMain: main.log as ToldLog, ofSide: side.log as ToldLog };
}

const invalidation: Invalidation = {
  id: 'r',
  keys: ['user:get:1'],
  tags: [],
  patterns: [],
  flush: false,
  reason: '',
  origin: 'test',
};

describe('FollowedLogs', () => {
  it('answers with the place in the main log, and with what all shared tiers dropped', async () => {
    const { logs } = await several();
    expect(await logs.append(invalidation, 'applied')).toEqual({ position: '1 000000000001', removed: 30 });
  });

  it('takes the targets out of every memory, and counts them', async () => {
    const { logs, rigs } = await several();
    for (const rig of rigs) await rig.read('user:get:1', () => 'old');
    expect(await logs.applyAndCount(invalidation)).toBe(2);
    for (const rig of rigs) expect(rig.engine.peek('user:get:1')).toBeUndefined();
  });

  it.each(['ofMain', 'ofSide'] as const)(
    'is executed by the others where one refuses, and says which: %s',
    async (which) => {
      const { logs, ...log } = await several();
      log[which].failure = AWAY;
      const error = await logs.append(invalidation, 'applied').catch((failure: unknown) => failure);
      const name = which === 'ofMain' ? 'main' : 'side';
      expect(error).toMatchObject({ code: AWAY.code, message: `Backend '${name}': ${AWAY.message}`, cause: AWAY });
      expect(log.ofMain.executed + log.ofSide.executed).toBe(1);
    },
  );

  it('names all that refuse, and an outage stays one', async () => {
    const { logs, ofMain, ofSide } = await several();
    ofMain.failure = Object.assign(new Error('connect'), { code: 'ECONNREFUSED' });
    ofSide.failure = AWAY;
    const error = await logs.append(invalidation, 'applied').catch((failure: unknown) => failure);
    expect(error).toMatchObject({ message: `Backend 'main': connect Backend 'side': ${AWAY.message}` });
    expect(isInfrastructureFailure(error)).toBe(true);
  });

  it('refuses a wait that one of them cannot give, by its name', async () => {
    const { logs, ofSide } = await several();
    Object.assign(ofSide, { capabilities: { consistency: 'eventual', clusterWait: false, counts: false } });
    expect(() => logs.assertWait('cluster')).toThrow(/^Backend 'side': /);
    expect(() => logs.assertWait('applied')).not.toThrow();
  });

  it('says nothing of backends where there is one', async () => {
    const rig = await CacheRig.open({ log: new ToldLog(1, 0) });
    const logs = new FollowedLogs({ name: 'main', log: rig.log, applier: rig.applier });
    (rig.log as ToldLog).failure = AWAY;
    await expect(logs.append(invalidation, 'applied')).rejects.toBe(AWAY);
  });
});
