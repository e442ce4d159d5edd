import { Logger, type INestApplication } from '@nestjs/common';
import { jest } from '@jest/globals';
import {
  CacheHealth,
  CacheMetrics,
  CacheModule,
  CacheService,
  custom,
  type BackendFigures,
  type CustomStore,
} from 'nestjs-larder';
import request from 'supertest';
import { CountingStore } from '../contract/counting-store.js';
import { PLATFORMS, startHttpApp } from './http-app.js';

/** One whose figures no monitoring system could bear. */
class OddStore extends CountingStore {
  constructor(private readonly odd: () => unknown) {
    super();
  }
  override figures(): BackendFigures {
    return this.odd() as BackendFigures;
  }
}

const NONE = { levels: {}, counts: {} };

describe.each(PLATFORMS)('the figures of backends on %s', (platform) => {
  let app: INestApplication;

  async function open(store: CustomStore, beside: CustomStore = new CountingStore()): Promise<void> {
    app = await startHttpApp(platform, {
      imports: [
        CacheModule.forRoot({
          backend: 'shelf',
          backends: { shelf: custom({ store, name: 'shelf' }), beside: custom({ store: beside, name: 'beside' }) },
          services: { side: { backend: 'beside' } },
          admin: { public: true },
        }),
      ],
    });
  }
  afterEach(async () => {
    jest.restoreAllMocks();
    await app.close();
  });
  const shown = async () => {
    const { body } = await request(app.getHttpServer()).get('/cache/metrics').expect(200);
    return body.backends.map(({ name, figures }: { name: string; figures: BackendFigures }) => ({ name, figures }));
  };

  it('are shown as data, by health and over HTTP, of each backend in use', async () => {
    await open(new CountingStore());
    const cache = app.get(CacheService);
    for (const key of ['a', 'b', 'a']) await cache.set(key, 1);
    await cache.set('c', 1, { scope: 'side' });
    const [shelf, beside] = [
      { name: 'shelf', figures: { levels: { rows: 2 }, counts: { writes: 3 } } },
      { name: 'beside', figures: { levels: { rows: 1 }, counts: { writes: 1 } } },
    ];
    expect(app.get(CacheMetrics).snapshot().backends).toMatchObject([shelf, beside]);
    expect(app.get(CacheHealth).report()).toMatchObject({ backend: shelf, otherBackends: [{ backend: beside }] });
    expect(await shown()).toEqual([shelf, beside]);
  });

  it('are none of a store that has none', async () => {
    const { get, set, delete: remove, clear } = new CountingStore();
    await open({ get, set, delete: remove, clear });
    expect((await shown())[0]).toEqual({ name: 'shelf', figures: NONE });
  });

  it.each<[string, () => unknown]>([
    [
      'throw',
      () => {
        throw new Error('no figures today');
      },
    ],
    ['name a key', () => ({ levels: { 'user:42': 1 }, counts: {} })],
    ['are no numbers', () => ({ levels: {}, counts: { writes: Number.NaN } })],
    [
      'are too many',
      () => ({ levels: {}, counts: Object.fromEntries([...Array(51).keys()].map((n) => [`n${n}`, n])) }),
    ],
    ['are nothing', () => undefined],
    ['have no counts', () => ({ levels: {} })],
  ])('that %s are left out and told once; those of others stay', async (_, odd) => {
    const warn = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
    await open(new OddStore(odd));
    for (let times = 0; times < 3; times += 1) {
      expect(await shown()).toEqual([
        { name: 'shelf', figures: NONE },
        { name: 'beside', figures: { levels: { rows: 0 }, counts: { writes: 0 } } },
      ]);
    }
    const told = warn.mock.calls.filter(([text]) => String(text).includes("figures of backend 'shelf'"));
    expect(told).toHaveLength(1);
  });
});
