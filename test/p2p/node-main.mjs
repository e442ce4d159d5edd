// @ts-check
/**
 * One node of a DHT in a process of its own. Does what its parent asks over IPC, one answer per question; ends when told, or
 * when the parent is gone.
 */
import { randomUUID } from 'node:crypto';
import { inside } from '../chaos/library.mjs';

/** @type {{ dht: import('nestjs-larder/libp2p').dht }} */
const { dht } = await inside('adapters/libp2p/index.js');
const { SystemClock } = await inside('core/clock/system-clock.js');

const PERMIT_MS = 30_000;
const nothing = { keys: [], tags: [], patterns: [], flush: false };
const told = { applied: 0, resets: 0 };
/** @type {any} */
let tier;
/** @type {any} */
let parts;
/** @type {Map<string, any>} permits of reads that are to be filled later */
const permits = new Map();

const commands = {
  /** @param {{ options: object, skewMs?: number }} setting */
  async open({ options, skewMs = 0 }) {
    const clock = new SystemClock();
    const { wall } = SystemClock.prototype;
    clock.wall = () => wall.call(clock) + skewMs;
    tier = dht(/** @type {any} */ (options));
    parts = tier.create({ namespace: 'p2p', instanceId: randomUUID(), clock });
    await parts.log.open({ apply: () => (told.applied += 1), reset: () => (told.resets += 1) });
    return { addresses: Object.values(tier.addresses())[0] };
  },
  state: () => ({ state: parts.log.health().state, available: parts.backend.available(), ...counts(), ...told }),
  memory: () => ({ rssMb: Math.round(process.memoryUsage().rss / 1_048_576) }),
  health: () => parts.log.health(),
  /** The text of a key, `null`: a miss. @param {{ key: string }} _ */
  async read({ key }) {
    const read = await parts.backend.read(key, { permitMs: PERMIT_MS });
    if (read.hit) return text(read.entry.payload);
    await parts.backend.release(key, read.permit);
    return null;
  },
  /** Begins a load: its permit is kept until `finish`. @param {{ key: string }} _ */
  async begin({ key }) {
    const read = await parts.backend.read(key, { permitMs: PERMIT_MS });
    permits.set(key, read.permit);
    return read.hit;
  },
  /** @param {{ key: string, value: string, tags?: string[] }} _ */
  finish({ key, value, tags }) {
    return parts.backend.fill(key, permits.get(key), entryOf(value, tags));
  },
  write,
  /** @param {{ key: string, value: string, tags?: string[] }} _ */
  put: ({ key, value, tags }) => parts.backend.put(key, entryOf(value, tags)),
  /** @param {object} targets */
  async invalidate(targets) {
    const invalidation = { ...nothing, ...targets, id: randomUUID(), reason: 'p2p', origin: 'p2p' };
    return (await parts.log.append(invalidation)).position;
  },
  /** @param {{ position: string, withinMs: number }} _ */
  applied: ({ position, withinMs }) => parts.log.waitApplied(position, withinMs),
  /** Writes keys `from` to `to` of `bytes` each. @param {{ from: number, to: number, bytes?: number, width?: number }} _ */
  async fillMany({ from, to, bytes = 64, width = 32 }) {
    let refused = 0;
    await eachOf(from, to, width, async (n) => {
      const stored = await write({ key: `k:${n}`, value: `${n}:`.padEnd(bytes, 'x') }).catch(() => false);
      if (!stored) refused += 1;
    });
    return { refused };
  },
  /** Reads keys `from` to `to`; how many were missing or wrong, and how long one took. */
  async readMany(
    /** @type {{ from: number, to: number, width?: number, step?: number }} */ { from, to, width = 16, step = 1 },
  ) {
    const times = /** @type {number[]} */ ([]);
    let missing = 0;
    let wrong = 0;
    const startedAt = performance.now();
    await eachOf(
      from,
      to,
      width,
      async (n) => {
        const askedAt = performance.now();
        const read = await parts.backend.read(`k:${n}`, { permitMs: 1000 }).catch(() => ({ hit: false }));
        times.push(performance.now() - askedAt);
        if (!read.hit) missing += 1;
        else if (!text(read.entry.payload).startsWith(`${n}:`)) wrong += 1;
      },
      step,
    );
    return { missing, wrong, ...summary(times, performance.now() - startedAt) };
  },
  /** Puts, one after the other or some at a time. */
  async putMany(
    /** @type {{ from: number, to: number, bytes?: number, width?: number }} */ { from, to, bytes = 1024, width = 1 },
  ) {
    const times = /** @type {number[]} */ ([]);
    const startedAt = performance.now();
    await eachOf(from, to, width, async (n) => {
      const askedAt = performance.now();
      await write({ key: `k:${n}`, value: `${n}:`.padEnd(bytes, 'x') });
      times.push(performance.now() - askedAt);
    });
    return summary(times, performance.now() - startedAt);
  },
  async close() {
    await parts?.log.close();
    setImmediate(() => process.disconnect());
  },
};

process.on('message', (/** @type {{ id: number, command: keyof typeof commands, input: any }} */ question) => {
  void answer(question);
});
process.on('disconnect', () => {
  // A process that closed its node has nothing left to do; one whose parent died must not live on.
  setTimeout(() => process.exit(parts?.log.health().state === 'closed' ? 3 : 0), 3000).unref();
  void parts?.log.close();
});
process.send?.({ ready: true });

/** @param {{ key: string, value: string, tags?: string[] }} _ */
async function write({ key, value, tags }) {
  const read = await parts.backend.read(key, { permitMs: PERMIT_MS, refresh: true });
  return parts.backend.fill(key, read.permit, entryOf(value, tags));
}

function counts() {
  return Object.values(tier.counts())[0] ?? {};
}

/** @param {string} value @param {readonly string[]} [tags] */
function entryOf(value, tags = []) {
  return { payload: Buffer.from(value), tags, freshMs: 600_000, keepMs: 900_000 };
}

/** @param {Uint8Array} payload */
function text(payload) {
  return Buffer.from(payload).toString();
}

/** @param {number} from @param {number} to @param {number} width @param {(n: number) => Promise<void>} act */
async function eachOf(from, to, width, act, step = 1) {
  let next = from;
  const lane = async () => {
    while (next < to) {
      const n = next;
      next += step;
      await act(n);
    }
  };
  await Promise.all(Array.from({ length: width }, lane));
}

/** @param {number[]} times @param {number} tookMs */
function summary(times, tookMs) {
  const sorted = times.sort((a, b) => a - b);
  const at = (/** @type {number} */ share) => Math.round((sorted[Math.floor(sorted.length * share)] ?? 0) * 100) / 100;
  return { p50: at(0.5), p99: at(0.99), perSecond: Math.round((times.length / tookMs) * 1000) };
}

/** @param {{ id: number, command: keyof typeof commands, input: any }} question */
async function answer({ id, command, input }) {
  try {
    const value = await commands[command](input);
    process.send?.({ id, value });
  } catch (error) {
    const { message, code } = /** @type {any} */ (error);
    process.send?.({ id, error: message, code });
  }
}
