import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { DecisionEntry, InvalidationRequest } from 'nestjs-larder/decision';

const MAIN = fileURLToPath(new URL('decision-main.mjs', import.meta.url));

type Told = { readonly at: string } | { readonly id: number; readonly answer?: unknown; readonly error?: string };

export interface Seen {
  readonly status: string;
  readonly source: string | null;
  readonly decision: unknown;
}

/** One instance in a process of its own. */
export class DecisionProcess {
  private asked = 0;
  private readonly waiting = new Map<number, (told: { answer?: unknown; error?: string }) => void>();
  private readonly reached: string[] = [];
  private readonly watchers = new Set<() => void>();

  private constructor(private readonly child: ChildProcess) {
    child.on('message', (told: Told) => {
      if ('at' in told) {
        this.reached.push(told.at);
        for (const look of this.watchers) look();
        return;
      }
      this.waiting.get(told.id)!(told);
      this.waiting.delete(told.id);
    });
  }

  static async start(postgresUrl: string, redisUrl: string): Promise<DecisionProcess> {
    const settings = JSON.stringify({ postgresUrl, redisUrl });
    const child = fork(MAIN, [], { env: { ...process.env, DECISION_APP: settings }, stdio: 'inherit' });
    const instance = new DecisionProcess(child);
    await instance.at('start');
    return instance;
  }

  get(veriKey: string): Promise<Seen> {
    return this.ask('get', veriKey) as Promise<Seen>;
  }

  set(entry: DecisionEntry): Promise<boolean> {
    return this.ask('set', entry) as Promise<boolean>;
  }

  compute(entry: DecisionEntry, anew = false): Promise<unknown> {
    return this.ask('compute', entry.veriKey, entry, anew);
  }

  invalidate(veriKey: string): Promise<boolean> {
    return this.ask('invalidate', veriKey) as Promise<boolean>;
  }

  invalidateBy(request: InvalidationRequest): Promise<number> {
    return this.ask('invalidateBy', request) as Promise<number>;
  }

  /** Whoever comes to the gate stops there; `at` tells when. */
  async close(gate: 'factory' | 'write'): Promise<void> {
    this.reached.length = 0;
    await this.ask('close', gate);
  }

  /** Lets all go who stand at the gate, and closes it no more. */
  async open(gate: 'factory' | 'write'): Promise<void> {
    await this.ask('open', gate);
  }

  /** Until somebody stands at the gate. */
  at(gate: string): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!this.reached.includes(gate)) return;
        this.watchers.delete(look);
        resolve();
      };
      this.watchers.add(look);
      look();
    });
  }

  async quit(): Promise<void> {
    const exit = once(this.child, 'exit');
    await this.ask('quit');
    await exit;
  }

  kill(): void {
    this.child.kill('SIGKILL');
  }

  private async ask(order: string, ...args: unknown[]): Promise<unknown> {
    this.asked += 1;
    const id = this.asked;
    const told = new Promise<{ answer?: unknown; error?: string }>((resolve) => this.waiting.set(id, resolve));
    this.child.send({ id, order, args });
    const { answer, error } = await told;
    if (error !== undefined) throw new Error(error);
    return answer;
  }
}
