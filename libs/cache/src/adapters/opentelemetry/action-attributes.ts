import { OTHER_ACTIONS } from '../../core/engine/engine.events.js';
import type { MetricLabels } from '../../core/metrics/metric-definitions.js';
import type { ActionMetrics } from '../../core/metrics/metrics-snapshot.js';

/**
 * The attributes of a measured time: those of the first `max` actions are their own, the others share one set, as in the
 * counters, so that an attribute's values are bounded whatever scopes are made at run time.
 */
export class ActionAttributes {
  /** By scope and action; names hold no space. Bounded as the engine bounds the actions that it tells apart. */
  private readonly own = new Map<string, boolean>();

  constructor(
    private readonly max: number,
    /** In order of first use. */
    private readonly actions: () => readonly ActionMetrics[],
  ) {}

  of(labels: MetricLabels): MetricLabels {
    const { scope, method } = labels;
    if (scope === undefined || method === undefined) return labels;
    const name = `${scope} ${method}`;
    let own = this.own.get(name);
    if (own === undefined) {
      own = this.actions()
        .slice(0, this.max)
        .some((known) => known.scope === scope && known.action === method);
      this.own.set(name, own);
    }
    return own ? labels : { ...labels, scope: OTHER_ACTIONS, method: OTHER_ACTIONS };
  }
}
