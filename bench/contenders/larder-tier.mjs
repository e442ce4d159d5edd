import { SystemClock } from '../../libs/cache/dist/core/clock/system-clock.js';
import { decodeEnvelope, encodeEnvelope } from '../../libs/cache/dist/core/codec/envelope.js';
import { redis } from 'nestjs-larder/redis';

const LISTENER = { apply: () => undefined, reset: () => undefined };
const LIFE_MS = 3_600_000;

/**
 * The Redis tier without the engine above it: each read is judged in the server by its stamp and tags, and decoded. What
 * a plain GET and JSON.parse does, plus coherence.
 * @param {{ url: string, namespace?: string, load: (id: number) => Promise<unknown> }} settings
 */
export async function tierOverRedis({ url, namespace = 'bench-tier', load }) {
  const clock = new SystemClock();
  const { log, backend } = redis({ url }).create({ namespace, instanceId: 'bench', clock });
  await log.open(LISTENER);
  return {
    async call(id) {
      const key = `item:byId:${id}`;
      const read = await backend.read(key, { permitMs: 10_000 });
      if (read.hit) return decodeEnvelope(read.entry.payload).value;
      const value = await load(id);
      const payload = encodeEnvelope({ value, freshMs: LIFE_MS, graceMs: 0, createdAt: clock.wall() });
      await backend.fill(key, read.permit, { payload, tags: ['s:item'], freshMs: LIFE_MS, keepMs: LIFE_MS });
      return value;
    },
    close: () => log.close(),
  };
}
