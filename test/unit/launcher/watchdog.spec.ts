import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { until } from '../../../launcher/redis-connection.mjs';
import { childrenOf, haveEnded, isAlive } from '../../../launcher/process-tree.mjs';

interface Started {
  readonly pids: number[];
  readonly folders: string[];
}

const services = new URL('../../../launcher/services.mjs', import.meta.url).href;

/** Starts servers of every kind, one of them paused, and tells about them on its output. */
const PARENT = `
  import { startPostgres, startRedis } from '${services}';
  const own = { fromEnvironment: false };
  const servers = await Promise.all([startPostgres(own), startRedis(own), startRedis(own)]);
  servers[2].pause();
  console.log(JSON.stringify({ pids: servers.map((s) => s.pid), folders: servers.map((s) => s.folder) }));
`;

describe('when the process that started servers', () => {
  it.each([
    ['is killed', 'await new Promise((resolve) => setInterval(resolve, 60_000) && undefined);', 'SIGKILL'],
    ['exits without stopping them', 'process.exit(0);', undefined],
    ['forgets them', '', undefined],
    ['throws', 'throw new Error("unexpected");', undefined],
  ] as const)('%s, they and their folders are gone soon', async (_, ending, signal) => {
    const parent = spawn(process.execPath, ['--input-type=module', '-e', PARENT + ending], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const exited = once(parent, 'exit');
    const [line] = (await once(createInterface({ input: parent.stdout }), 'line')) as [string];
    const { pids, folders } = JSON.parse(line) as Started;
    expect(pids).toHaveLength(3);
    let watchdogs: number[] = [];
    if (signal) {
      expect(pids.filter(isAlive)).toHaveLength(3);
      expect(folders.filter(existsSync)).toHaveLength(3);
      watchdogs = childrenOf(parent.pid!).filter((pid) => !pids.includes(pid));
      expect(watchdogs).toHaveLength(1);
      parent.kill(signal);
    }
    await exited;
    expect(await haveEnded([...pids, ...watchdogs], 10_000)).toBe(true);
    await until('the folders to be gone', async () => !folders.some(existsSync), 10_000);
  });
});
