/** A load that stands still until the test lets it go on: races are arranged, never waited for. */
export class Gate<T = unknown> {
  readonly passed: Promise<T>;
  private settle!: (value: T) => void;
  private fail!: (error: unknown) => void;

  constructor() {
    this.passed = new Promise((resolve, reject) => {
      this.settle = resolve;
      this.fail = reject;
    });
    this.passed.catch(() => undefined);
  }

  open(value: T): void {
    this.settle(value);
  }

  break(error: unknown): void {
    this.fail(error);
  }
}

/** Lets everything that is ready run. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await new Promise<void>((resolve) => setImmediate(resolve));
}

/** Runs `work` and stays until Jest, which fails a test for it, has noticed a rejection that nobody handles. */
export async function handlingAll(work: () => Promise<unknown>): Promise<void> {
  await work();
  await settled();
}
