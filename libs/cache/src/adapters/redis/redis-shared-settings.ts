import type { SharedSettings } from '../../core/coherence/shared-settings.js';
import { tierUnavailable } from './redis-failures.js';
import type { RedisKeys } from './redis-keys.js';
import type { RedisLink } from './redis-link.js';

/** Tells a record from which everything was taken away from one that was lost. No setting is called so. */
const WRITTEN = '%written';

/** The settings of a namespace: one hash in the control slot, without an end. */
export class RedisSharedSettings implements SharedSettings {
  constructor(
    private readonly link: RedisLink,
    private readonly keys: RedisKeys,
    private readonly limitMs: number,
  ) {}

  async read(): Promise<ReadonlyMap<string, string> | null> {
    const { [WRITTEN]: written, ...texts } = await this.run((client) => client.hgetall(this.keys.settings));
    return written === undefined ? null : new Map(Object.entries(texts));
  }

  async write(changes: ReadonlyMap<string, string | null>): Promise<void> {
    const set = [...changes].flatMap(([name, text]) => (text === null ? [] : [name, text]));
    const taken = [...changes].flatMap(([name, text]) => (text === null ? [name] : []));
    const { settings } = this.keys;
    const replies = await this.run((client) => {
      const together = client.multi().hset(settings, WRITTEN, '1', ...set);
      return (taken.length === 0 ? together : together.hdel(settings, ...taken)).exec();
    });
    const failure = replies?.find(([error]) => error !== null)?.[0];
    if (failure !== undefined || replies === null) throw tierUnavailable(failure);
  }

  private async run<T>(work: Parameters<typeof this.link.run<T>>[1]): Promise<T> {
    try {
      return await this.link.run(this.limitMs, work);
    } catch (error) {
      throw tierUnavailable(error);
    }
  }
}
