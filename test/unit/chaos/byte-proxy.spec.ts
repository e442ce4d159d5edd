import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { ByteProxy } from '../../chaos/byte-proxy.mjs';

describe('the proxy of the chaos run', () => {
  let server: Server;
  let proxy: ByteProxy;
  let received = '';
  const ends: Socket[] = [];

  beforeEach(async () => {
    received = '';
    server = createServer((socket) => {
      ends.push(socket);
      socket.on('error', () => socket.destroy()); // cut on purpose
      socket.on('data', (bytes) => {
        received += bytes.toString();
        socket.write(`<${bytes.toString()}>`);
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    proxy = await ByteProxy.open({ host: '127.0.0.1', port: (server.address() as { port: number }).port });
  });

  afterEach(async () => {
    for (const end of ends.splice(0)) end.destroy();
    await proxy.close();
    await new Promise((resolve) => server.close(resolve));
  });

  async function client() {
    const socket = connect(proxy.port, '127.0.0.1');
    ends.push(socket);
    const seen = { answer: '', ended: false };
    socket.on('data', (bytes) => (seen.answer += bytes.toString()));
    socket.on('error', () => socket.destroy()); // cut on purpose
    socket.on('close', () => (seen.ended = true));
    await once(socket, 'connect');
    return { socket, seen };
  }

  async function until(condition: () => boolean): Promise<void> {
    for (let look = 0; look < 500 && !condition(); look += 1) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(condition()).toBe(true);
  }

  it('passes bytes in order, also when they are delayed', async () => {
    const { socket, seen } = await client();
    proxy.set({ delayMs: 20 });
    for (const text of ['a', 'b', 'c']) socket.write(text);
    proxy.set({ delayMs: 0 });
    socket.write('d');
    await until(() => received === 'abcd');
    await until(() => seen.answer.replaceAll(/[<>]/g, '') === 'abcd');
  });

  it('holds one direction, and lets everything arrive when it is released', async () => {
    const { socket, seen } = await client();
    proxy.set({ hold: ['down'] });
    socket.write('a');
    await until(() => received === 'a');
    expect(seen.answer).toBe('');
    proxy.release();
    await until(() => seen.answer === '<a>');
  });

  it('delivers what a client sent that has given up meanwhile', async () => {
    const { socket } = await client();
    proxy.set({ hold: ['up', 'down'] });
    socket.write('late');
    await new Promise((resolve) => setTimeout(resolve, 50));
    socket.destroy();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(received).toBe('');
    proxy.release();
    await until(() => received === 'late');
  });

  it('tells connections apart by the role they state', async () => {
    const log = await client();
    const values = await client();
    log.socket.write('larder:log');
    values.socket.write('larder:values');
    await until(() => log.seen.answer !== '' && values.seen.answer !== '');
    proxy.cut(['log']);
    await until(() => log.seen.ended);
    expect(values.seen.ended).toBe(false);
    expect(proxy.connections).toBe(1);
  });

  it('refuses, and accepts only to close', async () => {
    for (const door of ['refuse', 'close'] as const) {
      proxy.door = door;
      const socket = connect(proxy.port, '127.0.0.1').resume();
      let ended = false;
      socket.on('error', () => socket.destroy()); // refused
      socket.on('close', () => (ended = true));
      await until(() => ended);
    }
    expect(proxy.accepted).toBe(0);
  });

  it('keeps a server’s end from its client', async () => {
    const { socket, seen } = await client();
    socket.write('a');
    await until(() => seen.answer === '<a>');
    proxy.hidesEnds = true;
    ends[1]!.destroy();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(seen.ended).toBe(false);
    proxy.release();
    await until(() => seen.ended);
  });
});
