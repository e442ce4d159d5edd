import type { DataSource } from 'typeorm';
import { typeormAudit, type TypeOrmAuditStore } from 'nestjs-larder/typeorm';
import { createDatabase, type TestDatabase } from './database.js';

const TABLE = 'invalidation_audit';

describe('the audit log in PostgreSQL', () => {
  let database: TestDatabase;
  let dataSource: DataSource;
  let audit: TypeOrmAuditStore;

  beforeEach(async () => {
    database = await createDatabase();
    dataSource = await database.connect();
    audit = typeormAudit({ dataSource });
    await audit.open();
  });
  afterEach(() => database.drop());

  const append = (requestId: string, keys: string[] = []) =>
    audit.append({
      namespace: 'shop',
      pattern: 'user:*',
      keys,
      triggeredBy: 'admin',
      timestampMs: Date.now(),
      requestId,
      latencyMs: 3,
    });
  /** What the owner of the database can do, and nobody else. */
  const tamper = async (sql: string): Promise<void> => {
    await dataSource.query(`ALTER TABLE ${TABLE} DISABLE TRIGGER ALL`);
    await dataSource.query(sql);
    await dataSource.query(`ALTER TABLE ${TABLE} ENABLE ALWAYS TRIGGER hydracache_audit_chain`);
  };

  it('refuses to change, delete or truncate, also under session_replication_role', async () => {
    await append('r1');
    const attempts = [`UPDATE ${TABLE} SET pattern = 'x'`, `DELETE FROM ${TABLE}`, `TRUNCATE ${TABLE}`];
    for (const sql of attempts) {
      await expect(dataSource.query(sql)).rejects.toThrow('append-only');
      const asReplica = dataSource.query(`SET LOCAL session_replication_role = replica; ${sql}`);
      await expect(asReplica).rejects.toThrow('append-only');
    }
    expect(await audit.verify()).toMatchObject({ intact: true, rows: 1 });
  });

  it('names the first row that was changed behind its back', async () => {
    for (const id of ['r1', 'r2', 'r3', 'r4']) await append(id, [`user:${id}`]);
    const noted = await audit.head();
    for (const [sql, brokenId] of [
      [`UPDATE ${TABLE} SET keys = '["user:r2", "x"]' WHERE request_id = 'r2'`, 'r2'],
      [`UPDATE ${TABLE} SET triggered_by = 'nobody' WHERE request_id = 'r2'`, 'r2'],
      [`UPDATE ${TABLE} SET timestamp = timestamp + interval '1 millisecond' WHERE request_id = 'r2'`, 'r2'],
      [`DELETE FROM ${TABLE} WHERE request_id = 'r2'`, 'r3'],
      [`DELETE FROM ${TABLE} WHERE request_id = 'r4'`, 'r4'],
    ] as const) {
      const ids = await dataSource.query(`SELECT id, request_id FROM ${TABLE}`);
      await dataSource.query(`CREATE TABLE kept AS SELECT * FROM ${TABLE}`);
      await tamper(sql);
      const result = await audit.verify({ head: noted! });
      const expected = ids.find((row: { request_id: string }) => row.request_id === brokenId)!;
      expect(result).toMatchObject({ intact: false, brokenId: Number(expected.id) });
      await tamper(`DELETE FROM ${TABLE}`);
      await dataSource.query(
        `ALTER TABLE ${TABLE} DISABLE TRIGGER ALL; INSERT INTO ${TABLE} SELECT * FROM kept; DROP TABLE kept`,
      );
      expect(await audit.verify({ head: noted! })).toMatchObject({ intact: true, rows: 4 });
    }
  });

  it('chains the rows of many writers, whoever they are', async () => {
    const others = await Promise.all([1, 2, 3].map(() => database.connect()));
    await Promise.all(
      others.flatMap((other, i) =>
        Array.from({ length: 10 }, (_, n) =>
          typeormAudit({ dataSource: other }).append({
            pattern: '*',
            keys: [],
            triggeredBy: `writer ${i}`,
            timestampMs: n,
            requestId: `${i}-${n}`,
            latencyMs: null,
          }),
        ),
      ),
    );
    await dataSource.query(
      `INSERT INTO ${TABLE} (pattern, triggered_by, timestamp, request_id) VALUES ('by hand', 'psql', now(), 'psql-1')`,
    );
    expect(await audit.verify()).toMatchObject({ intact: true, rows: 31 });
  });

  it('lets the row stand or fall with a transaction', async () => {
    const entry = { pattern: '*', keys: [], triggeredBy: 'admin', timestampMs: 0, requestId: 'r1', latencyMs: 0 };
    const failing = dataSource.transaction(async (manager) => {
      await audit.appendWithin(manager, entry);
      throw new Error('rolled back');
    });
    await expect(failing).rejects.toThrow('rolled back');
    expect((await audit.list()).totalCount).toBe(0);
    await dataSource.transaction((manager) => audit.appendWithin(manager, entry));
    expect(await audit.verify()).toMatchObject({ intact: true, rows: 1 });
  });

  it('keeps one row when a request is repeated at the same moment', async () => {
    const outcomes = await Promise.all(Array.from({ length: 8 }, () => append('same')));
    expect(outcomes.map(({ outcome }) => outcome).sort()).toEqual([...Array(7).fill('duplicate'), 'written']);
  });

  it('begins anew when its table was put away, which stays as it was', async () => {
    for (const id of ['r1', 'r2']) await append(id);
    await dataSource.query(`CREATE SCHEMA audit_2026; ALTER TABLE ${TABLE} SET SCHEMA audit_2026`);
    await audit.open();
    expect((await append('r1')).outcome).toBe('written');
    expect(await audit.verify()).toMatchObject({ intact: true, rows: 1 });
    await expect(append('r1', ['other'])).resolves.toMatchObject({ outcome: 'conflict' });
    await expect(dataSource.query(`DELETE FROM audit_2026.${TABLE}`)).rejects.toThrow('append-only');
    await dataSource.query('DROP SCHEMA audit_2026 CASCADE');
  });

  it('adds its columns to the table of an earlier release', async () => {
    await dataSource.query(`DROP TABLE ${TABLE}; DELETE FROM hydracache_schema_version`);
    await dataSource.query(`CREATE TABLE ${TABLE} (id BIGSERIAL PRIMARY KEY, pattern TEXT NOT NULL, keys JSONB,
      triggered_by TEXT NOT NULL, timestamp TIMESTAMPTZ NOT NULL, request_id TEXT NOT NULL, latency_ms BIGINT,
      created_at TIMESTAMPTZ DEFAULT NOW())`);
    await audit.open();
    expect((await append('r1')).outcome).toBe('written');
    expect(await audit.verify()).toMatchObject({ intact: true, rows: 1 });
  });
});
