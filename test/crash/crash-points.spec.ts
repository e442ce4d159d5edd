import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const RUN = fileURLToPath(new URL('run.mjs', import.meta.url));
const KILLS = 100;
const LIMIT_MS = 10 * 60_000;

describe('processes killed at every point of a write and its invalidation', () => {
  it(
    `${KILLS} times: no committed write loses its invalidation, and no rolled-back one has any`,
    async () => {
      const run = spawn(process.execPath, [RUN, '--kills', String(KILLS)], { stdio: ['ignore', 'pipe', 'pipe'] });
      let output = '';
      for (const stream of [run.stdout, run.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
      const tooLong = setTimeout(() => run.kill('SIGKILL'), LIMIT_MS);
      const [code] = await once(run, 'close');
      clearTimeout(tooLong);
      // One more than deaths: that they left work behind. The output holds the seed, the point and the complaint.
      if (code !== 0 || !output.includes(`\n${KILLS + 1} passed, 0 failed`)) throw new Error(output);
    },
    LIMIT_MS + 30_000,
  );
});
