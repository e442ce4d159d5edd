import type { Pool } from 'pg';
import type { CustomStore } from '../../libs/cache/src/adapters/memory/custom.options.js';

/** A cache in an UNLOGGED table of PostgreSQL: not written to the log of the database, and empty after its crash. */
export class UnloggedTableStore implements CustomStore {
  constructor(private readonly pool: Pool) {}

  async create(): Promise<void> {
    await this.pool.query(
      `CREATE UNLOGGED TABLE IF NOT EXISTS larder_entries (key text PRIMARY KEY, value bytea, expires_at timestamptz)`,
    );
  }

  async get(key: string): Promise<Uint8Array | null> {
    const { rows } = await this.pool.query<{ value: Buffer }>(
      `SELECT value FROM larder_entries WHERE key = $1 AND expires_at > now()`,
      [key],
    );
    return rows[0]?.value ?? null;
  }

  async set(key: string, value: Uint8Array, ttl: number): Promise<void> {
    await this.pool.query(
      `INSERT INTO larder_entries VALUES ($1, $2, now() + make_interval(secs => $3))
       ON CONFLICT (key) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at`,
      [key, Buffer.from(value), ttl],
    );
  }

  async delete(key: string): Promise<void> {
    await this.pool.query(`DELETE FROM larder_entries WHERE key = $1`, [key]);
  }

  async clear(): Promise<void> {
    await this.pool.query(`TRUNCATE larder_entries`);
  }
}
