import type { Clock, Timer } from '../../core/clock/clock.port.js';
import { failureCode, failureKind } from './redis-command.js';
import type { RedisLink } from './redis-link.js';

const LOOK_EVERY_MS = 60_000;
const OLDEST_VERSION = [6, 2] as const;

/**
 * Settings of the server that weaken a guarantee, as sentences for health. Read when attached and each minute from then;
 * a server that does not tell (ACL, managed service) is not warned about.
 */
export class ServerPolicy {
  private sentences: readonly string[] = [];
  private timer: Timer | null = null;

  constructor(
    private readonly link: RedisLink,
    private readonly clock: Clock,
    private readonly limitMs: number,
    /** True: an anchor bounds a split brain whatever the settings are. */
    private readonly anchored: boolean,
  ) {}

  get warnings(): readonly string[] {
    return this.sentences;
  }

  start(): void {
    void this.look();
    this.timer = this.clock.schedule(LOOK_EVERY_MS, () => this.start());
  }

  stop(): void {
    this.timer?.cancel();
  }

  private async look(): Promise<void> {
    if (!(await this.link.until(() => this.link.rights.reads, LOOK_EVERY_MS / 2))) return;
    try {
      const info = await this.link.run(this.limitMs, (client) => client.info());
      this.sentences = warningsOf(info, this.anchored ? null : await this.setting('min-replicas-to-write'));
    } catch (error) {
      this.sentences = [`The server's settings could not be read (${failureCode(error)}).`];
    }
  }

  /** `null` where the server does not tell; that is its right, and no trouble of the link. */
  private setting(name: string): Promise<string | null> {
    return this.link.run(this.limitMs, async (client) => {
      try {
        const reply = await client.call('CONFIG', 'GET', name);
        return Array.isArray(reply) ? String(reply[1] ?? '') || null : null;
      } catch (error) {
        if (failureKind(error) === 'refused') return null;
        throw error;
      }
    });
  }
}

/**
 * @param info the reply of INFO
 * @param minReplicas the setting; `null`: not known, or of no matter
 */
export function warningsOf(info: string, minReplicas: string | null): readonly string[] {
  const field = (name: string): string => new RegExp(`^${name}:(.*)$`, 'm').exec(info)?.[1]?.trim() ?? '';
  const warnings: string[] = [];
  const [major = 0, minor = 0] = field('redis_version').split('.').map(Number);
  if (major < OLDEST_VERSION[0] || (major === OLDEST_VERSION[0] && minor < OLDEST_VERSION[1])) {
    warnings.push(
      `Redis ${field('redis_version')} is older than 6.2, the oldest version supported. Upgrade the server.`,
    );
  }
  const policy = field('maxmemory_policy');
  if (policy.startsWith('allkeys-') && field('maxmemory') !== '0') {
    warnings.push(
      `maxmemory-policy is ${policy}: safe, but evicting the control record makes the whole namespace cold. Use volatile-lru or volatile-lfu.`,
    );
  }
  if (field('connected_slaves') !== '0' && field('connected_slaves') !== '' && minReplicas === '0') {
    warnings.push(
      'min-replicas-to-write is 0: a primary cut off from its replicas goes on renewing leases, so a split brain is unbounded. Set it to 1, with min-replicas-max-lag, or give the cache an anchor: typeormOutbox() brings one.',
    );
  }
  return warnings;
}
