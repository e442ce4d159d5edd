import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { CacheHealthReport, KeyExplanation } from 'nestjs-larder';
import type { AppOptions } from './app-main.mjs';

const MAIN = fileURLToPath(new URL('app-main.mjs', import.meta.url));
const ANSWER_WITHIN_MS = 20_000;

/** An answer of the process, and when it knew. Instants are of CLOCK_MONOTONIC, so those of all processes compare. */
interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** An error as it comes over from the process. */
export class RemoteError extends Error {
  constructor(
    message: string,
    readonly code: string | undefined,
  ) {
    super(message);
  }
}

/** An application in a process of its own. */
export class AppProcess {
  private readonly waiting = new Map<number, Waiting>();
  private asked = 0;
  bootMs = 0;

  private constructor(private readonly child: ChildProcess) {}

  /** Rejects with the application's own error when it does not start. */
  static async start(options: AppOptions, nodeArguments: string[] = []): Promise<AppProcess> {
    const env = { ...process.env, CLUSTER_CASE: JSON.stringify(options) };
    const child = fork(MAIN, [], { env, execArgv: nodeArguments, stdio: 'inherit' });
    const app = new AppProcess(child);
    await new Promise<void>((resolve, reject) => {
      child.once('exit', (code) => reject(new Error(`the process ended with ${code}`)));
      child.on('message', (message: any) => {
        if (message.bootMs !== undefined) app.bootMs = message.bootMs;
        if (message.ready) resolve();
        else if (message.failed) reject(new RemoteError(message.failed.message, message.failed.code));
        else app.settle(message);
      });
    });
    return app;
  }

  call(name: string, ...args: unknown[]): Promise<unknown> {
    return this.ask('call', name, ...args);
  }

  storm(name: string, argument: unknown, times: number): Promise<string[]> {
    return this.ask('storm', name, argument, times);
  }

  watch(name: string, argument: unknown, forMs: number): Promise<{ startedAt: number; value: unknown }[]> {
    return this.ask('watch', name, argument, forMs);
  }

  invalidate(intents: [kind: string, ...args: unknown[]][], how: { wait?: 'applied' | 'cluster' } = {}) {
    return this.ask<{ removed: number; position: string }>('invalidate', intents, how);
  }

  act(scope: string, action: 'clear' | 'delete' | 'revoke', ...args: unknown[]) {
    return this.ask<{ removed: number }>('act', scope, action, ...args);
  }

  health(): Promise<CacheHealthReport> {
    return this.ask('health');
  }

  explain(key: string, how: object = {}): Promise<KeyExplanation> {
    return this.ask('explain', key, how);
  }

  loads(key: string): Promise<number> {
    return this.ask('loads', key);
  }

  /** Holds loads of a source key from now on, until `open`. */
  close(key: string): Promise<void> {
    return this.ask('close', key);
  }

  open(key: string): Promise<void> {
    return this.ask('open', key);
  }

  /** Resolves when a load of the key has read the source and waits. */
  arrived(key: string): Promise<void> {
    return this.ask('arrived', key);
  }

  async until(what: string, condition: () => Promise<boolean>, limitMs = 15_000): Promise<void> {
    const giveUpAt = performance.now() + limitMs;
    while (!(await condition())) {
      if (performance.now() > giveUpAt) throw new Error(`waited ${limitMs} ms in vain: ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  live(): Promise<void> {
    return this.until('the application is attached', async () => (await this.health()).log.state === 'live');
  }

  ask<T = unknown>(command: string, ...args: unknown[]): Promise<T> {
    const id = (this.asked += 1);
    return new Promise<T>((resolve, reject) => {
      const timer = setTimeout(
        () => this.settle({ id, error: { message: `no answer to ${command} within ${ANSWER_WITHIN_MS} ms` } }),
        ANSWER_WITHIN_MS,
      );
      const settled = () => clearTimeout(timer);
      this.waiting.set(id, {
        resolve: (value) => (settled(), resolve(value as T)),
        reject: (error) => (settled(), reject(error)),
      });
      this.child.send({ id, command, args });
    });
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Closes the application in order. Resolves with what went wrong in its life without anybody having been told. */
  async stop(): Promise<string[]> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return ['it had ended before'];
    await this.ask('end');
    const mishaps = await this.ask<string[]>('mishaps');
    const exit = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await exit;
    return mishaps;
  }

  private settle({ id, value, error }: { id: number; value?: unknown; error?: { message: string; code?: string } }) {
    const waiting = this.waiting.get(id);
    this.waiting.delete(id);
    if (error === undefined) waiting?.resolve(value);
    else waiting?.reject(new RemoteError(error.message, error.code));
  }
}
