import { AsyncLocalStorage } from 'node:async_hooks';

const context = new AsyncLocalStorage<string>();

/**
 * Runs something in the name of a network: whatever it reads, fills and invalidates, now or later, stays there. A middleware or
 * a guard that knows the tenant of a request is the place for it.
 */
export function runInNetwork<Result>(network: string, run: () => Result): Result {
  return context.run(network, run);
}

/** The network of the code that asks, for `dht({ network: currentNetwork, … })`; `undefined` outside of any. */
export function currentNetwork(): string | undefined {
  return context.getStore();
}
