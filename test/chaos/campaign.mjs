// @ts-check
/** One chaos run at one lease: lets faults happen for a time, then judges what the workers saw. */
import { setTimeout as sleep } from 'node:timers/promises';
import { allCells } from './cells.mjs';
import { CLUSTER_FAULTS } from './cluster-faults.mjs';
import { ClusterWorld } from './cluster-world.mjs';
import { PAIR_FAULTS, PRESSED_FAULTS, WORKER_FAULTS } from './faults.mjs';
import { PairWorld } from './pair-world.mjs';
import { PressedWorld } from './pressed-world.mjs';
import { SeededRandom } from './seeded-random.mjs';
import { now } from './truth.mjs';

/**
 * @typedef {object} CampaignOptions
 * @property {number} leaseMs
 * @property {number} seed
 * @property {number} seconds
 * @property {number} leastReads fewer checked reads are no proof
 * @property {number} [readsPerSecond] of each worker
 * @property {number} [churn] keys a second that each worker reads once and never again; default 0
 * @property {string | null} [mutant]
 * @property {keyof typeof TOPOLOGIES} [topology] of the servers: a primary with its replica (default), three of each, or
 *   the former with too little memory
 * @property {string} [history] what a changed history is repaired by: `floor` (default) or `replay`
 * @property {string[]} [only] the faults that may happen; default all
 * @property {boolean} [untilViolated] stop as soon as a guarantee is broken
 * @property {(line: string) => void} say
 *
 * @typedef {{ name: string, passed: boolean, detail: string, figures: boolean }} Verdict figures: worth telling also when passed
 * @typedef {{ name: string, from: number, to: number }} Episode
 */

/** @typedef {import('./world.mjs').World} World */

const TOPOLOGIES = {
  pair: { World: PairWorld, faults: PAIR_FAULTS },
  cluster: { World: ClusterWorld, faults: CLUSTER_FAULTS },
  pressed: { World: PressedWorld, faults: PRESSED_FAULTS },
};
const TIERS = ['memory', 'redis', 'source', 'flight'];
const WARM_UP_MS = 500;
/** As long as a link may take by its defaults: a connection that is given up (2 s), then the longest pause (2 s), and a beat. */
const SETTLE_MS = 4500;
const PROGRESS_MS = 10_000;

/** @param {CampaignOptions} options */
export async function runCampaign(options) {
  const {
    leaseMs,
    seed,
    seconds,
    leastReads,
    mutant = null,
    topology = 'pair',
    history = 'floor',
    readsPerSecond = 8000,
    churn = 0,
    only,
    untilViolated = false,
    say,
  } = options;
  const { World: Place, faults: serverFaults } = TOPOLOGIES[topology];
  const world = await Place.open({ leaseMs, seed, readsPerSecond, churn, mutant, history });
  /** @type {Map<string, number>} */
  const happened = new Map();
  /** @type {string[]} */
  const accidents = [];
  /** @type {Episode[]} */
  const episodes = [];
  const endAt = performance.now() + seconds * 1000;
  const violated = () => Object.keys(totals(world).violated).length > 0;
  const faultNames = [...Object.keys(serverFaults), ...Object.keys(WORKER_FAULTS)].filter(
    (name) => only?.includes(name) ?? true,
  );
  const isComplete = () => {
    const sum = totals(world);
    return sum.checked >= leastReads && faultNames.every((name) => happened.has(name)) && isTelling(sum);
  };
  /** A slow machine gets twice the time to complete the proof. */
  const isOver = () => {
    if (untilViolated && violated()) return true;
    const overMs = performance.now() - endAt;
    return overMs >= 0 && (untilViolated || isComplete() || overMs >= seconds * 1000);
  };

  /** @param {Record<string, import('./faults.mjs').Fault<any>>} faults @param {number} lane */
  const befall = async (faults, lane) => {
    const random = new SeededRandom(seed * 7919 + lane);
    const names = Object.keys(faults).filter((name) => only?.includes(name) ?? true);
    if (names.length === 0) return;
    await sleep(WARM_UP_MS);
    for (;;) {
      for (const name of random.shuffled(names)) {
        if (isOver()) return;
        const episode = { name, from: now(), to: Number.POSITIVE_INFINITY };
        episodes.push(episode);
        try {
          await faults[name]({ world, random, leaseMs });
          episode.to = now();
          happened.set(name, (happened.get(name) ?? 0) + 1);
        } catch (error) {
          accidents.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
        }
        await sleep(random.between(20, 400));
      }
    }
  };

  const progress = setInterval(
    () => say(`  ${Math.round(seconds - (endAt - performance.now()) / 1000)} s: ${summary(world)}`),
    PROGRESS_MS,
  );
  try {
    await Promise.all([befall(serverFaults, 1), befall(WORKER_FAULTS, 2)]);
    while (!isOver()) await sleep(20);
    for (const { proxy } of world.workers) proxy.release();
    await sleep(untilViolated ? 0 : SETTLE_MS);
    await world.stopWorkers();
    const findings = await world
      .findings()
      .catch((error) => [{ name: 'the servers can be looked at in the end', passed: false, detail: String(error) }]);
    say(`  ${summary(world)}`);
    return {
      verdicts: judge(world, options, { happened, accidents, episodes, faultNames, findings }),
      violated: violated(),
      world: summary(world),
    };
  } finally {
    clearInterval(progress);
    await world.close();
  }
}

/**
 * A violation, and what was going on in the time that led to it.
 * @param {import('./checker.mjs').Violation} violation
 * @param {readonly Episode[]} episodes
 * @param {number} leaseMs
 */
function inContext(violation, episodes, leaseMs) {
  const { startedAt } = violation.reading;
  const before = episodes
    .filter(({ from, to }) => from < startedAt && to > startedAt - violation.lateMs - 2 * leaseMs - 1000)
    .map(({ name, from, to }) => `${name}: ${Math.round(from - startedAt)} to ${Math.round(to - startedAt)} ms`);
  return { ...violation, kind: allCells(1)[violation.reading.cell].kind, before };
}

/**
 * Whether a run has seen enough of what it is there for.
 * @param {ReturnType<typeof totals>} sum
 */
function isTelling({ fenced, resetCauses, attached, refused, strict, stale, tiers }) {
  const happened = [fenced, resetCauses.gap, resetCauses.history, attached.init, attached.bump, strict, stale];
  return (
    happened.every((count) => count > 0) && Object.keys(refused).length > 0 && TIERS.every((tier) => tiers[tier] > 0)
  );
}

/** @param {World} world */
function summary(world) {
  const sum = totals(world);
  const tiers = Object.entries(sum.tiers)
    .map(([tier, count]) => `${tier} ${count}`)
    .join(', ');
  const violations = Object.entries(sum.violated)
    .map(([guarantee, count]) => `${count} violations of ${guarantee}`)
    .join(', ');
  return `${sum.checked} reads checked (${tiers}), ${sum.writes} writes, ${sum.fenced} fenced, ${sum.resets} resets, ${sum.stale} stale within the bound (oldest ${sum.oldestMs.toFixed(0)} ms), ${violations || 'no violation'}`;
}

/** @param {World} world */
function totals(world) {
  const { reports } = world;
  /** @param {(report: import('./worker-process.mjs').Report) => number} of */
  const sum = (of) => reports.reduce((total, report) => total + of(report), 0);
  /** @param {string} name @returns {Record<string, number>} */
  const merged = (name) => {
    /** @type {Record<string, number>} */
    const all = {};
    for (const report of reports) {
      for (const [key, count] of Object.entries(report[name]))
        all[key] = (all[key] ?? 0) + /** @type {number} */ (count);
    }
    return all;
  };
  /** @param {Record<string, number>} counter */
  const whole = (counter) => Object.values(counter).reduce((total, count) => total + count, 0);
  return {
    checked: sum(({ checked }) => checked),
    stale: sum(({ staleWithinBound }) => staleWithinBound),
    undecided: sum(({ undecided }) => undecided),
    violated: merged('violated'),
    writes: sum(({ writes }) => writes),
    strict: sum(({ strict }) => strict),
    oldestMs: Math.max(0, ...reports.map(({ oldestMs }) => oldestMs)),
    tiers: merged('tiers'),
    fenced: whole(merged('fenced')),
    resets: whole(merged('resets')),
    resetCauses: merged('resets'),
    attached: merged('attached'),
    refused: merged('refused'),
    trouble: merged('trouble'),
    violations: reports.flatMap(({ violations }) => violations),
    complaints: [
      ...reports.flatMap(({ complaints }) => complaints),
      ...world.workers.flatMap(({ mishaps }) => mishaps),
    ],
    states: world.workers.map(({ reports: lives }) => lives.at(-1)?.health.state),
  };
}

/**
 * @param {World} world
 * @param {CampaignOptions} options
 * @param {{ happened: Map<string, number>, accidents: string[], episodes: Episode[], faultNames: string[], findings: Awaited<ReturnType<World['findings']>> }} course
 * @returns {Verdict[]}
 */
function judge(world, { leastReads, leaseMs }, { happened, accidents, episodes, faultNames, findings }) {
  const sum = totals(world);
  /** @type {Verdict[]} */
  const verdicts = [];
  /** @param {string} name @param {boolean} passed @param {unknown} [detail] @param {boolean} [figures] */
  const expect = (name, passed, detail = '', figures = false) => {
    const told = typeof detail === 'string' ? detail : JSON.stringify(detail, null, figures ? 0 : 1);
    verdicts.push({ name, passed, detail: told, figures });
  };

  expect(
    `no read is older than its bound (L = ${leaseMs} ms)`,
    Object.keys(sum.violated).length === 0,
    sum.violations.map((violation) => inContext(violation, episodes, leaseMs)),
  );
  expect('no method failed and no rejection was lost', sum.complaints.length === 0, sum.complaints);
  expect(`at least ${leastReads} reads were checked`, sum.checked >= leastReads, `${sum.checked}`);
  expect('nearly every read could be judged', sum.undecided <= sum.checked / 1e5, `${sum.undecided} could not`);
  expect('fills were fenced', sum.fenced > 0);
  expect(
    'local state was reset, for a gap and for another history',
    sum.resetCauses.gap > 0 && sum.resetCauses.history > 0,
    sum.resetCauses,
  );
  expect('histories were born and changed', sum.attached.init > 0 && sum.attached.bump > 0, sum.attached);
  expect('invalidations were refused rather than lost', Object.keys(sum.refused).length > 0, sum.refused);
  expect('some invalidations waited for every instance', sum.strict > 0);
  expect('old values were read within the bound', sum.stale > 0);
  expect(
    'every tier answered',
    TIERS.every((tier) => sum.tiers[tier] > 0),
    sum.tiers,
  );
  expect(
    'every worker is live again',
    sum.states.every((state) => state === 'live'),
    sum.states,
  );
  for (const { name, passed, detail } of findings) expect(name, passed, detail, true);
  expect('every fault ran through', accidents.length === 0, accidents);
  for (const name of faultNames) expect(`fault seen: ${name}`, (happened.get(name) ?? 0) > 0);
  return verdicts;
}
