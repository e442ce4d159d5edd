import { CacheError } from '../errors/cache-error.js';

/** What a log promises beyond its own instance. Users are told, health shows it, and the contract suites test as much. */
export interface LogCapabilities {
  /**
   * `coherent`: G1 to G5 hold across instances. `eventual`: they hold on the instance that invalidates; every other one
   * comes to reflect it, with no bound while the network is parted.
   */
  readonly consistency: Consistency;
  /** True where `append(…, { wait: 'cluster' })` can tell that no live instance serves the old value any more (G9). */
  readonly clusterWait: boolean;
  /** True where a receipt's `removed` counts what the shared tier held; else it is 0. */
  readonly counts: boolean;
}

/** What a shared tier promises to readers on other instances; see {@link LogCapabilities}. */
export interface BackendCapabilities {
  readonly consistency: Consistency;
}

/** Whether guarantees hold across instances, or come to hold. */
export type Consistency = 'coherent' | 'eventual';

/** What a log owes unless it says otherwise. */
export const COHERENT_LOG: LogCapabilities = Object.freeze({
  consistency: 'coherent',
  clusterWait: true,
  counts: true,
});

/** What a shared tier owes unless it says otherwise. */
export const COHERENT_BACKEND: BackendCapabilities = Object.freeze({ consistency: 'coherent' });

/**
 * Refuses a wait that a log cannot give, before anything is done: a wait that tells nothing would be a lie.
 *
 * @param kind names the log in the message
 * @throws CacheError `LARDER_WAIT_UNSUPPORTED`
 */
export function assertWait(kind: string, { clusterWait }: LogCapabilities, wait: string | undefined): void {
  if (wait !== 'cluster' || clusterWait) return;
  throw new CacheError(
    'LARDER_WAIT_UNSUPPORTED',
    `Expected a log that knows its instances for \`wait: 'cluster'\`, got '${kind}', which is eventual. Leave \`wait\` out, or keep what needs it in a coherent backend, e.g. redis().`,
  );
}
