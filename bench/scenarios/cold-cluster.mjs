// Scenario E: 4 processes make 1,000 calls each of one cold key at the same time; how many loads the cluster makes.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { startRedis } from '../../launcher/services.mjs';

const PROCESSES = 4;
const CALLS = 1000;
const ROUNDS = 5;

export async function run() {
  const server = await startRedis({ fromEnvironment: false });
  const workers = Array.from({ length: PROCESSES }, () =>
    fork(new URL('./cold-cluster-worker.mjs', import.meta.url), {
      env: { ...process.env, BENCH_REDIS_URL: server.url },
    }),
  );
  await Promise.all(workers.map((worker) => once(worker, 'message')));
  const rounds = [];
  for (let key = 1; key <= ROUNDS; key += 1) {
    const start = process.hrtime.bigint();
    const answers = workers.map((worker) => once(worker, 'message'));
    for (const worker of workers) worker.send({ key, calls: CALLS });
    const loads = (await Promise.all(answers)).reduce((sum, [answer]) => sum + answer.loads, 0);
    const ms = Math.round(Number(process.hrtime.bigint() - start) / 1e5) / 10;
    rounds.push({ loads, ms });
    console.log(`  round ${key}: ${loads} load(s) for ${PROCESSES} x ${CALLS} calls, ${ms} ms (the load takes 100 ms)`);
  }
  for (const worker of workers) worker.send({ stop: true });
  await Promise.all(workers.map((worker) => once(worker, 'exit')));
  await server.stop();
  return { rounds };
}
