import mysql from 'mysql2/promise';
import pg from 'pg';
import { withRedis } from '../../../launcher/redis-connection.mjs';
import type { Server } from '../../../launcher/services.mjs';

/** Runs one statement on a connection of its own. */
export async function onPostgres(server: Server, statement: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: server.url });
  client.on('error', () => {}); // the call that waits for a lost connection rejects, which is enough
  try {
    await client.connect();
    return (await client.query<Record<string, unknown>>(statement)).rows;
  } finally {
    await client.end();
  }
}

/** Runs one statement on a connection of its own. */
export async function onMariadb(server: Server, statement: string): Promise<unknown> {
  const connection = await mysql.createConnection(server.url);
  try {
    return (await connection.query(statement))[0];
  } finally {
    connection.destroy();
  }
}

/** Runs one command on a connection of its own. */
export function onRedis(server: Server, command: string, ...args: string[]): Promise<unknown> {
  return withRedis(server.url, (redis) => redis.call(command, ...args));
}
