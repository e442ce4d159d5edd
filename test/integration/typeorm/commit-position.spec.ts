import { DataSource } from 'typeorm';
import { InvalidationIntentBatch } from 'nestjs-larder';
import { installInvalidationTrigger, typeormOutbox } from 'nestjs-larder/typeorm';
import { startPostgres } from '../../../launcher/services.mjs';

const OUTBOX = 'hydracache_invalidation_outbox';

describe('the commit position in PostgreSQL', () => {
  const positionNow = async (dataSource: { query: DataSource['query'] }): Promise<string> => {
    const [{ position }] = await dataSource.query(
      `SELECT 'pg:' || system_identifier || ':' || pg_current_xact_id() AS position FROM pg_control_system()`,
    );
    return position;
  };

  it('is that of the transaction by every way in, and of the cluster that the same pool reaches now', async () => {
    let server = await startPostgres({ fromEnvironment: false });
    const { port, url } = server;
    const dataSource = await new DataSource({ type: 'postgres', url, logging: false }).initialize();
    const outbox = typeormOutbox({ dataSource, listen: false });
    const clusters: string[] = [];
    try {
      for (const replacement of [false, true]) {
        if (replacement) {
          await server.stop();
          server = await startPostgres({ fromEnvironment: false, port });
        }
        await outbox.open('shop');
        await dataSource.query('CREATE TABLE product (id int PRIMARY KEY)');
        const queryRunner = dataSource.createQueryRunner();
        await installInvalidationTrigger(queryRunner, { namespace: 'shop', table: 'product', entity: 'p', id: 'id' });
        await queryRunner.release();
        for (let id = 0; id < 2; id += 1) {
          const position = await dataSource.transaction(async (manager) => {
            outbox.collect(manager).tag(`collected-${id}`);
            await outbox.record('shop', new InvalidationIntentBatch().invalidateTag(`recorded-${id}`));
            await manager.query('INSERT INTO product VALUES ($1)', [id]);
            return positionNow(manager);
          });
          const rows = await dataSource.query(`DELETE FROM ${OUTBOX} RETURNING commit_position AS position`);
          expect(rows).toEqual([[{ position }, { position }, { position }], 3]);
          clusters.push(position.split(':')[1]!);
        }
        await outbox.close();
      }
    } finally {
      await dataSource.destroy();
      await server.stop();
    }
    expect(clusters).toEqual([clusters[0], clusters[0], clusters[2], clusters[2]]);
    expect(clusters[0]).not.toBe(clusters[2]);
  });
});
