import { createServer, type Server, type Socket } from 'node:net';

const INFO = 'redis_version:7.0.15\r\nloading:0\r\n';

/**
 * Speaks just enough of the protocol to be taken for a Redis server that is ready, and answers every script with the
 * error it was told: for states that a real server is hard to bring into.
 */
export class ScriptedServer {
  port = 0;
  error = '';
  /** Scripts it was asked to run. */
  asked = 0;
  private readonly sockets = new Set<Socket>();
  private readonly server: Server;

  private constructor() {
    this.server = createServer((socket) => {
      this.sockets.add(socket);
      socket.on('close', () => this.sockets.delete(socket));
      socket.on('error', () => socket.destroy());
      let text = '';
      socket.on('data', (bytes) => {
        text += bytes.toString('latin1');
        for (let command = takeCommand(text); command !== null; command = takeCommand(text)) {
          text = command.rest;
          socket.write(this.reply(command.name));
        }
      });
    });
  }

  static async start(): Promise<ScriptedServer> {
    const scripted = new ScriptedServer();
    await new Promise<void>((resolve) => scripted.server.listen(0, '127.0.0.1', resolve));
    const address = scripted.server.address();
    scripted.port = typeof address === 'object' && address !== null ? address.port : 0;
    return scripted;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private reply(name: string): string {
    if (name === 'info') return `$${INFO.length}\r\n${INFO}\r\n`;
    if (name !== 'eval' && name !== 'evalsha') return '+OK\r\n';
    this.asked += 1;
    return `-${this.error}\r\n`;
  }
}

/** The first complete command in `text`, an array of bulk strings. */
function takeCommand(text: string): { name: string; rest: string } | null {
  const header = /^\*(\d+)\r\n/.exec(text);
  if (header === null) return null;
  let at = header[0].length;
  let name = '';
  for (let index = 0; index < Number(header[1]); index += 1) {
    const length = /^\$(\d+)\r\n/.exec(text.slice(at, at + 20));
    if (length === null) return null;
    const start = at + length[0].length;
    at = start + Number(length[1]) + 2;
    if (at > text.length) return null;
    if (index === 0) name = text.slice(start, at - 2).toLowerCase();
  }
  return { name, rest: text.slice(at) };
}
