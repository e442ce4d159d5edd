import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startPostgres, startRedis } from '../../../launcher/services.mjs';
import { buildLibrary } from '../../chaos/library.mjs';

const APP = fileURLToPath(new URL('postgres-app.mjs', import.meta.url));
/** `npm run test:long` lets it be 30. */
const OUTAGE_S = Number(process.env.LARDER_TEST_OUTAGE_S ?? 5);

interface Told {
  readonly order: string;
  readonly answer?: unknown;
  readonly error?: string;
}

describe(`PostgreSQL is away for ${OUTAGE_S} s`, () => {
  let postgres: Awaited<ReturnType<typeof startPostgres>>;
  let redis: Awaited<ReturnType<typeof startRedis>>;
  let app: ChildProcess;
  let ended: string | null = null;

  beforeAll(async () => {
    await buildLibrary();
    postgres = await startPostgres({ fromEnvironment: false });
    redis = await startRedis({ fromEnvironment: false });
    const settings = JSON.stringify({ postgresUrl: postgres.url, redisUrl: redis.url });
    app = fork(APP, [], { env: { ...process.env, DURABILITY_APP: settings }, stdio: 'inherit' });
    app.once('exit', (code, signal) => (ended = String(signal ?? code)));
    await once(app, 'message');
  }, 120_000);
  afterAll(async () => {
    if (ended === null) app.kill('SIGKILL');
    await redis.stop();
    await postgres.stop();
  });

  async function ask(order: string): Promise<Told> {
    app.send(order);
    for (;;) {
      const [told] = (await once(app, 'message')) as [Told];
      if (told.order === order) return told;
    }
  }
  const claims = async (): Promise<number> => ((await ask('look')).answer as { claims: number }).claims;

  it(
    'and cached values are served, nothing spins, nothing crashes, and the worker goes on afterwards',
    async () => {
      expect(await ask('read')).toMatchObject({ answer: 42 });
      await postgres.kill();
      const before = await claims();
      expect(await ask('record')).toMatchObject({ error: expect.any(String) }); // the writer is told
      expect(await ask('invalidate')).toMatchObject({ answer: false }); // it stands, without a record in the audit
      for (let second = 0; second < OUTAGE_S; second += 1) {
        await sleep(1_000);
        expect(await ask('read')).toMatchObject({ answer: 42 });
      }
      // 250 ms doubled up to 5 s: 5 tries in 5 s, and a few more a minute.
      const tries = (await claims()) - before;
      expect(tries).toBeGreaterThan(0);
      expect(tries).toBeLessThanOrEqual(8 + OUTAGE_S / 4);

      await postgres.restart();
      expect(await ask('record')).toMatchObject({ answer: 2 });
      for (let tenths = 0; !(await published()); tenths += 1) {
        if (tenths > 150) throw new Error('the rows were not published within 15 s');
        await sleep(100);
      }
      expect(ended).toBeNull();
      const exit = once(app, 'exit');
      await ask('close');
      expect((await exit)[0]).toBe(0);
    },
    60_000 + OUTAGE_S * 2_000,
  );

  async function published(): Promise<boolean> {
    return ((await ask('look')).answer as { published: number }).published === 2;
  }
});
