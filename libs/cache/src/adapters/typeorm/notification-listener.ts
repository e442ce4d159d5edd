import type { DataSource } from 'typeorm';

/** The part of a `pg` client that is used. */
interface PgClient {
  connect(): Promise<void>;
  query(sql: string): Promise<unknown>;
  end(): Promise<void>;
  unref?(): void;
  on(event: 'notification' | 'error' | 'end', listener: (...args: unknown[]) => void): void;
}

const RECONNECT_MS = 2_000;

/**
 * Follows a notification channel on a connection of its own: one borrowed from the pool would be missing there, and would
 * keep the data source from closing. A lost connection is replaced after a pause; what is missed meanwhile is found by
 * polling, and on every connection the listener is told once.
 */
export class NotificationListener {
  private client: PgClient | null = null;
  private retry: NodeJS.Timeout | null = null;
  private closed = false;

  constructor(
    private readonly dataSource: DataSource,
    private readonly channel: string,
    private readonly onNotification: () => void,
  ) {}

  /** Never rejects: notifications are a hint. */
  async open(): Promise<void> {
    const driver = this.dataSource.driver as unknown as {
      postgres: { Client: new (options: unknown) => PgClient };
      master: { options: object };
    };
    const client = new driver.postgres.Client(driver.master.options);
    client.on('notification', () => this.onNotification());
    client.on('error', () => this.lost(client));
    client.on('end', () => this.lost(client));
    this.client = client;
    try {
      await client.connect();
      await client.query(`LISTEN ${this.channel}`);
      client.unref?.();
      this.onNotification();
    } catch {
      this.lost(client); // no notifications for now: rows are found by polling, and the connection is tried again
    }
  }

  async close(): Promise<void> {
    this.closed = true;
    if (this.retry !== null) clearTimeout(this.retry);
    const { client } = this;
    this.client = null;
    await client?.end().catch(() => undefined); // the connection is gone either way
  }

  private lost(client: PgClient): void {
    if (this.client !== client || this.closed) return;
    this.client = null;
    client.end().catch(() => undefined); // it has failed already; only its socket is to be let go
    this.retry = setTimeout(() => void this.open(), RECONNECT_MS);
    this.retry.unref();
  }
}
