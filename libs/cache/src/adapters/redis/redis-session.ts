import type { Clock } from '../../core/clock/clock.port.js';
import { inTime } from './redis-command.js';
import { destroy, type ConnectionRole, type RedisClient, type RedisConnector } from './redis-connector.js';

/**
 * Three connections that live and die together: values, log, heartbeat. A session begins with none of them attested and
 * ends with the first that fails; then all are destroyed, and the link makes another session. So a connection never
 * outlives doubt about it, and "which server is this?" is asked once per connection.
 */
export class RedisSession {
  readonly values: RedisClient;
  readonly log: RedisClient;
  readonly heartbeat: RedisClient;
  /** Resolves with the cause when the session ends. Never rejects. */
  readonly ended: Promise<unknown>;
  private over = false;
  private finish!: (cause: unknown) => void;

  constructor(connector: RedisConnector) {
    this.ended = new Promise((resolve) => {
      this.finish = resolve;
    });
    this.values = this.watched(connector, 'values');
    this.log = this.watched(connector, 'log');
    this.heartbeat = this.watched(connector, 'heartbeat');
  }

  get alive(): boolean {
    return !this.over;
  }

  get clients(): readonly RedisClient[] {
    return [this.values, this.log, this.heartbeat];
  }

  /** Resolves when all three are ready for a first command. */
  async connect(clock: Clock, limitMs: number): Promise<void> {
    const ready = Promise.all(this.clients.map((client) => client.connect()));
    const cause = this.ended.then((failure) => {
      throw failure;
    });
    await inTime(clock, limitMs, Promise.race([ready, cause]));
  }

  /** Ends it: nothing is sent on these connections any more. */
  end(cause: unknown): void {
    if (this.over) return;
    this.over = true;
    for (const client of this.clients) destroy(client);
    this.finish(cause);
  }

  private watched(connector: RedisConnector, role: ConnectionRole): RedisClient {
    const client = connector.create(role);
    let lastError: unknown = null;
    client.on('error', (error: unknown) => {
      lastError = error;
    });
    client.on('end', () => this.end(lastError ?? new Error(`Connection is closed (${role}).`)));
    client.on('close', () => this.end(lastError ?? new Error(`Connection is closed (${role}).`)));
    return client;
  }
}
