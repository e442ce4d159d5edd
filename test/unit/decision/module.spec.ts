import { Injectable, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { CacheModule, MemoryHub } from '../../../libs/cache/src/index.js';
import {
  DecisionCacheModule,
  DecisionCacheService,
  DecisionStatus,
  InMemoryDecisionStore,
  InvalidationRequest,
  type DecisionCacheOptions,
  type DecisionCacheOptionsFactory,
} from '../../../libs/cache/src/nest/decision/index.js';
import { decisionApp, entryOf } from './decision-app.js';

@Injectable()
class Options implements DecisionCacheOptionsFactory {
  createDecisionCacheOptions(): DecisionCacheOptions {
    return { scope: 'made' };
  }
}
@Module({ providers: [Options], exports: [Options] })
class OptionsModule {}

describe('the decision cache module', () => {
  it('keeps decisions in the main backend, and refuses another for their scope', async () => {
    const open = (backend: string) =>
      Test.createTestingModule({
        imports: [
          CacheModule.forRoot({ backends: { side: new MemoryHub() }, services: { made: { backend } } }),
          DecisionCacheModule.forRoot({ scope: 'made' }),
        ],
      }).compile();
    await expect(open('side')).rejects.toThrow(
      'Expected decisions to be kept in the main backend \'memory\', got "side"',
    );
    await (await open('memory')).close();
  });

  it.each([
    ['a factory', { useFactory: () => ({ scope: 'made' }) }],
    ['a class', { useClass: Options }],
    ['a provider', { imports: [OptionsModule], useExisting: Options }],
  ])('takes options from %s', async (_, asyncOptions) => {
    const module = await Test.createTestingModule({
      imports: [CacheModule.forRoot(), DecisionCacheModule.forRootAsync(asyncOptions)],
    }).compile();
    const app = module.createNestApplication({ logger: false });
    await app.init();
    const decisions = app.get(DecisionCacheService);
    await decisions.set(entryOf('k', new Date()));
    expect((await decisions.get('k')).status).toBe(DecisionStatus.CacheHit);
    await app.close();
  });

  it.each([
    ['scope', { scope: 'no scope!' }],
    ['storeTimeout', { storeTimeout: 0 }],
    ['cacheTtl', { cacheTtl: 'soon' }],
    ['maxPendingWrites', { maxPendingWrites: 1.5 }],
    ['pruneBatch', { pruneBatch: -1 }],
  ])('refuses at boot a %s that cannot work', async (field, options) => {
    await expect(decisionApp(options)).rejects.toThrow(field);
  });

  it('refuses at boot a store of one process beside a shared backend', async () => {
    const hub = new MemoryHub();
    await expect(decisionApp({}, { backend: hub })).rejects.toMatchObject({ code: 'LARDER_OPTION_INVALID' });
  });

  it('is coherent over two instances of one process that share a store', async () => {
    const hub = new MemoryHub();
    const store = new InMemoryDecisionStore({ shared: true });
    const [one, two] = [await decisionApp({ store }, { backend: hub }), await decisionApp({ store }, { backend: hub })];
    try {
      await one.decisions.set(entryOf('k', new Date()));
      expect((await two.decisions.get('k')).status).toBe(DecisionStatus.CacheHit);
      expect((await two.decisions.get('k')).source).toBe('memory');
      const { entriesAffected } = await one.decisions.invalidateBy(InvalidationRequest.byFeedEpochOlderThan('e2'));
      expect(entriesAffected).toBe(1);
      expect((await two.decisions.get('k')).status).toBe(DecisionStatus.CacheMiss);
    } finally {
      await one.close();
      await two.close();
    }
  });
});
