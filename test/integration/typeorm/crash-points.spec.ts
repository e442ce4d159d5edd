import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DataSource } from 'typeorm';
import { OutboxWorker } from 'nestjs-larder';
import { typeormOutbox } from 'nestjs-larder/typeorm';
import { buildLibrary } from '../../chaos/library.mjs';
import { createDatabase, type TestDatabase } from './database.js';

const MAIN = fileURLToPath(new URL('crash-main.mjs', import.meta.url));
/** `npm run test:long` asks for more. */
const KILLS = Number(process.env.LARDER_TEST_KILLS ?? 22);
const AT_ONCE = 4;
const POINTS = [
  'begun',
  'written',
  'before commit',
  'committed',
  'hooks run',
  'before claim',
  'claimed',
  'before apply',
  'applied',
  'before mark',
  'marked',
];

describe(`a process that is killed at ${POINTS.length} points of writing and applying`, () => {
  let database: TestDatabase;
  let dataSource: DataSource;

  beforeAll(async () => {
    await buildLibrary();
    database = await createDatabase();
    dataSource = await database.connect();
    await dataSource.query('CREATE TABLE written (name text); CREATE TABLE applied (name text)');
  }, 120_000);
  afterAll(() => database.drop());

  const count = async (sql: string): Promise<number> => Number((await dataSource.query(sql))[0].count);
  /** One life, from start to kill. */
  const live = async (seed: number): Promise<void> => {
    const plan = { url: database.url, point: POINTS[seed % POINTS.length], times: seed % 3, seed };
    const child = fork(MAIN, [], { env: { ...process.env, CRASH_PLAN: JSON.stringify(plan) }, stdio: 'inherit' });
    const tooLong = setTimeout(() => child.kill('SIGTERM'), 30_000);
    const [code, signal] = await once(child, 'exit');
    clearTimeout(tooLong);
    expect({ point: plan.point, code, signal }).toEqual({ point: plan.point, code: null, signal: 'SIGKILL' });
  };

  it(
    `${KILLS} times loses no invalidation, and invalidates nothing that was not committed`,
    async () => {
      let next = 0;
      const lives = async (): Promise<void> => {
        while (next < KILLS) await live(next++);
      };
      await Promise.all(Array.from({ length: AT_ONCE }, lives));

      // A worker that survives takes over whatever the dead have claimed.
      const outbox = typeormOutbox({ dataSource, listen: false });
      await outbox.open('shop');
      const applier = {
        applyInvalidation: async ({ value }: { value: string | null }) =>
          void (await dataSource.query('INSERT INTO applied VALUES ($1)', [value])),
      };
      const worker = new OutboxWorker(outbox, applier, 'shop', { claimTtlMs: 300 });
      await sleep(300);
      while ((await worker.runOnce()).claimed > 0);
      await outbox.close();

      expect(await count('SELECT count(*) FROM written')).toBeGreaterThan(KILLS / 2);
      expect(await outbox.status('shop')).toMatchObject({ pending: 0, deadLettered: 0 });
      const lost = 'SELECT count(*) FROM written WHERE name NOT IN (SELECT name FROM applied)';
      const phantoms = 'SELECT count(*) FROM applied WHERE name NOT IN (SELECT name FROM written)';
      expect({ lost: await count(lost), phantoms: await count(phantoms) }).toEqual({ lost: 0, phantoms: 0 });
    },
    KILLS * 10_000,
  );
});
