import { createServer, connect, type Server, type Socket } from 'node:net';

/**
 * A wire between a client and a server that can be cut (connections reset), or go dead (nothing passes, nobody is told).
 */
export class Wire {
  port = 0;
  private mode: 'sound' | 'cut' | 'dead' = 'sound';
  private readonly ends = new Set<Socket>();
  private readonly server: Server;

  private constructor(private target: { readonly host: string; readonly port: number }) {
    this.server = createServer((near) => {
      if (this.mode === 'cut') {
        near.resetAndDestroy();
        return;
      }
      const far = connect(this.target.port, this.target.host);
      this.join(near, far);
      this.join(far, near);
    });
  }

  static async to(target: { readonly host: string; readonly port: number }): Promise<Wire> {
    const wire = new Wire(target);
    await new Promise<void>((resolve) => wire.server.listen(0, '127.0.0.1', resolve));
    const address = wire.server.address();
    wire.port = typeof address === 'object' && address !== null ? address.port : 0;
    return wire;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** From now on it leads elsewhere; connections of before are reset. */
  leadTo(target: { readonly host: string; readonly port: number }): void {
    this.target = target;
    for (const end of this.ends) end.resetAndDestroy();
  }

  /** Every connection is reset, and so is every new one. */
  cut(): void {
    this.mode = 'cut';
    for (const end of this.ends) end.resetAndDestroy();
  }

  /** Connections stay open, new ones are accepted, and no byte passes. */
  die(): void {
    this.mode = 'dead';
  }

  heal(): void {
    const wasDead = this.mode === 'dead';
    this.mode = 'sound';
    if (wasDead) for (const end of this.ends) end.resetAndDestroy();
  }

  async close(): Promise<void> {
    for (const end of this.ends) end.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private join(from: Socket, to: Socket): void {
    this.ends.add(from);
    from.on('data', (bytes) => {
      if (this.mode === 'sound') to.write(bytes);
    });
    from.on('error', () => to.destroy());
    from.on('close', () => {
      this.ends.delete(from);
      to.destroy();
    });
  }
}
