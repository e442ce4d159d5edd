import type { DataSource } from 'typeorm';
import { typeormAudit, type TypeOrmAuditStore } from 'nestjs-larder/typeorm';
import { AUDIT_GRANTS, createDatabase, type TestDatabase } from './database.js';

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

  /** Everything by which a row could go or change; how each is refused is told beside it. */
  const attempts = (refused: string, ofOwners: string): readonly (readonly [string, string])[] => [
    [`UPDATE ${TABLE} SET pattern = 'x'`, refused],
    [`DELETE FROM ${TABLE}`, refused],
    [`TRUNCATE ${TABLE}`, refused],
    ['SET session_replication_role = replica', 'permission denied'],
    [`ALTER TABLE ${TABLE} DISABLE TRIGGER ALL`, ofOwners],
    [`DROP TRIGGER hydracache_audit_rows ON ${TABLE}`, ofOwners],
  ];

  it('serves an application whose role may read and append, and refuses it everything else', async () => {
    const role = await database.createRole(...AUDIT_GRANTS);
    const own = await role.connect();
    const ofApplication = typeormAudit({ dataSource: own, schema: 'check' });
    await ofApplication.open();
    const entry = { namespace: 'shop', pattern: '*', keys: [], triggeredBy: 'admin', timestampMs: 0, latencyMs: 0 };
    expect(await ofApplication.append({ ...entry, requestId: 'r1' })).toMatchObject({ outcome: 'written' });
    expect(await ofApplication.append({ ...entry, requestId: 'r1' })).toMatchObject({ outcome: 'duplicate' });
    expect((await ofApplication.list()).totalCount).toBe(1);
    expect(await ofApplication.find('shop', 'r1')).toMatchObject({ triggeredBy: 'admin' });
    for (const [sql, refusal] of attempts('permission denied', 'must be owner')) {
      await expect(own.query(sql)).rejects.toThrow(refusal);
    }
    // Rights that somebody grants by mistake change nothing.
    await dataSource.query(`GRANT ALL ON ${TABLE} TO ${role.name}`);
    for (const [sql, refusal] of attempts('append-only', 'must be owner')) {
      await expect(own.query(sql)).rejects.toThrow(refusal);
    }
    expect(await ofApplication.verify()).toMatchObject({ intact: true, rows: 1 });
  });

  it('refuses also the owner of the table, and tells what one did who took the triggers away first', async () => {
    await database.drop();
    database = await createDatabase();
    const role = await database.createRole('USAGE, CREATE ON SCHEMA public');
    const own = await role.connect();
    audit = typeormAudit({ dataSource: own });
    await audit.open();
    for (const id of ['r1', 'r2']) await append(id);
    const { record } = await append('r3');
    const [{ owner }] = await own.query(`SELECT tableowner AS owner FROM pg_tables WHERE tablename = '${TABLE}'`);
    expect(owner).toBe(role.name);
    for (const [sql, refusal] of attempts('append-only', '').slice(0, 4)) {
      await expect(own.query(sql)).rejects.toThrow(refusal);
    }
    expect(await audit.verify()).toMatchObject({ intact: true, rows: 3 });
    await own.query(`ALTER TABLE ${TABLE} DISABLE TRIGGER ALL; DELETE FROM ${TABLE} WHERE request_id = 'r2'`);
    expect(await audit.verify()).toMatchObject({ intact: false, brokenId: record.id });
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
