// Scenario M: POST /invalidate/key until its answer, over HTTP on Express, with Redis and the audit in PostgreSQL. The baseline
// does the two things that cannot be left out: the invalidation in the log, and one row of the same table with its chain.
import 'reflect-metadata';
import { once } from 'node:events';
import { connect } from 'node:net';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { CacheModule } from 'nestjs-larder';
import { redis } from 'nestjs-larder/redis';
import { typeormAudit } from 'nestjs-larder/typeorm';
import { DataSource } from 'typeorm';
import { startPostgres, startRedis } from '../../launcher/services.mjs';
import { SystemClock } from '../../libs/cache/dist/core/clock/system-clock.js';
import { compare, median } from '../measure.mjs';

const TIMES = 300;
const BASELINE = 'one INV and one audit INSERT';
const ROW = `INSERT INTO invalidation_audit (namespace, pattern, keys, triggered_by, timestamp, request_id, latency_ms)
  VALUES ('bench-bare', $1, to_jsonb(ARRAY[$1::text]), 'bench', now(), $2, 1)`;

export async function run() {
  const [server, database] = await Promise.all([
    startRedis({ fromEnvironment: false }),
    startPostgres({ fromEnvironment: false }),
  ]);
  const dataSource = await new DataSource({ type: 'postgres', url: database.url }).initialize();
  class BenchModule {}
  const cache = CacheModule.forRoot({
    namespace: 'bench',
    backend: redis({ url: server.url }),
    audit: typeormAudit({ dataSource }),
    admin: { commandsPerMinute: Infinity },
  });
  Module({ imports: [cache] })(BenchModule);
  const app = await NestFactory.create(BenchModule, { logger: false });
  await app.listen(0, '127.0.0.1');
  const { port } = app.getHttpServer().address();
  const client = await rawClient(port);

  const bare = redis({ url: server.url }).create({
    namespace: 'bench-bare',
    instanceId: 'bench',
    clock: new SystemClock(),
  });
  await bare.log.open({ apply: () => undefined, reset: () => undefined });
  await bare.backend.open();
  let nth = 0;
  const invalidation = (key, id) => ({
    id,
    keys: [key],
    tags: [],
    patterns: [],
    flush: false,
    reason: '',
    origin: 'bench',
  });
  const byHand = async () => {
    nth += 1;
    const id = `bare-${process.pid}-${nth}`;
    await bare.log.append(invalidation(`item:byId:${nth % 100}`, id));
    await dataSource.query(ROW, [`item:byId:${nth % 100}`, id]);
  };
  const overHttp = async () => {
    nth += 1;
    const status = await client.post({ keys: [`item:byId:${nth % 100}`], triggered_by: 'bench' });
    if (status !== 200) throw new Error(`Expected 200, got ${status}.`);
  };
  const half = (call) => async () => {
    const costs = [];
    for (let i = 0; i < TIMES; i += 1) {
      const start = process.hrtime.bigint();
      await call();
      costs.push(Number(process.hrtime.bigint() - start));
    }
    return median(costs);
  };
  const result = await compare(
    [
      { name: BASELINE, run: half(byHand) },
      { name: 'POST /invalidate/key', run: half(overHttp) },
    ],
    { baseline: BASELINE, rounds: 7, warmups: 1 },
  );
  client.close();
  await bare.log.close();
  await app.close();
  await dataSource.destroy();
  await Promise.all([server.stop(), database.stop()]);
  return result;
}

/**
 * A client that costs next to nothing, for it shares the process with the server: one socket, one request at a time.
 * @param {number} port
 */
async function rawClient(port) {
  const socket = connect(port, '127.0.0.1').setNoDelay();
  await once(socket, 'connect');
  let arrived = '';
  let answered = null;
  socket.on('data', (chunk) => {
    arrived += chunk;
    const body = arrived.indexOf('\r\n\r\n') + 4;
    const length = /content-length: (\d+)/i.exec(arrived)?.[1];
    if (body < 4 || arrived.length < body + Number(length)) return;
    const status = Number(arrived.slice(9, 12));
    arrived = '';
    answered(status);
  });
  return {
    /** The status of the answer, once all of it is there. */
    post(body) {
      const text = JSON.stringify(body);
      const head = `POST /invalidate/key HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\ncontent-type: application/json\r\ncontent-length: ${text.length}\r\n\r\n`;
      socket.write(head + text);
      return new Promise((resolve) => (answered = resolve));
    },
    close: () => socket.destroy(),
  };
}
