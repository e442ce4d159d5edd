// `npm run test:model`: checks the protocol's models and their mutants with Spin (Debian package `spin`, and a C compiler).
// A sound model must hold in every state; a mutant must be caught, or the model would prove nothing.
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** model, switches, and whether a stale read must be found. */
const CHECKS = [
  ['fence', [], false],
  ['fence', ['CLUSTER'], false],
  ['fence', ['NOPERMIT'], true],
  ['fence', ['LATESTAMP'], true],
  ['fence', ['NOSTAMP'], true],
  ['fence', ['NOFENCE'], true],
  ['fence', ['CLUSTER', 'BUSFIRST'], true],
  ['lease', [], false],
  ['lease', ['TRIM'], false],
  ['lease', ['COUNTER'], true],
  ['lease', ['TRIM', 'NOCHAIN'], true],
  ['lease', ['NOATTEST'], true],
  ['lease', ['NOAPPLIED'], true],
  ['anchor', [], false],
  ['anchor', ['BLIND'], false],
  ['anchor', ['NOLOOK'], true],
  ['anchor', ['NOVOUCH'], true],
  ['anchor', ['LATERAISE'], true],
  ['anchor', ['BLINDRAISE'], true],
  ['anchor', ['BLIND', 'DEAF'], true],
];

for (const program of ['spin', 'cc']) {
  if (spawnSync('which', [program]).status === 0) continue;
  console.error(`Expected \`${program}\` on this machine, found none. Install it: apt-get install -y spin gcc`);
  process.exit(2);
}

const folder = mkdtempSync(join(tmpdir(), 'larder-model-'));
let passed = 0;
let failed = 0;
try {
  for (const model of ['fence', 'lease', 'anchor'])
    cpSync(join(import.meta.dirname, `${model}.pml`), join(folder, `${model}.pml`));
  for (const [model, switches, mustFail] of CHECKS) {
    const startedAt = performance.now();
    const { violated, states, complete } = check(model, switches);
    const right = mustFail ? violated : !violated && complete;
    if (right) passed += 1;
    else failed += 1;
    const found = violated ? 'stale read found' : `holds${complete ? '' : ' as far as searched'}`;
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    const name = [model].concat(switches).join(' ');
    console.log(`${right ? 'ok  ' : 'FAIL'}  ${name.padEnd(24)} ${found.padEnd(18)} ${states} states, ${seconds} s`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

function check(model, switches) {
  const options = { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 1 << 26 };
  execFileSync('spin', ['-a', ...switches.map((name) => `-D${name}`), `${model}.pml`], options);
  execFileSync('cc', ['-O2', '-w', '-DSAFETY', '-DCOLLAPSE', '-DMEMLIM=8000', '-o', 'pan', 'pan.c'], options);
  // -E: that a process waits for ever is no error here, every run ends so.
  const { stdout } = spawnSync(join(folder, 'pan'), ['-E', '-m1000000'], { ...options, timeout: 900_000 });
  return {
    violated: /assertion violated/.test(stdout),
    complete: !/Search not completed|max search depth too small/.test(stdout) && /errors: 0/.test(stdout),
    states: /(\d[\d.e+]*) states, stored/.exec(stdout)?.[1] ?? '?',
  };
}
