import { Registry } from 'prom-client';
import { parse } from 'yaml';
import { prometheus } from '../../../libs/cache/src/adapters/prometheus/prometheus.js';
import { LATENCY_BOUNDS_MS } from '../../../libs/cache/src/core/metrics/latency-histogram.js';
import { larder } from '../../architecture/repository.js';

interface Expression {
  readonly where: string;
  readonly text: string;
}

interface Dashboard {
  readonly panels: readonly {
    readonly id: number;
    readonly title: string;
    readonly type: string;
    readonly targets?: readonly { readonly expr: string }[];
    readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  }[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly query: unknown }[] };
}

interface Alerts {
  readonly groups: readonly {
    readonly name: string;
    readonly rules: readonly {
      readonly alert: string;
      readonly expr: string;
      readonly labels: { readonly severity: string };
      readonly annotations: { readonly summary: string; readonly description: string };
    }[];
  }[];
}

const dashboard = larder.json<Dashboard>('docs/grafana/larder.json');
const alerts = parse(larder.text('docs/alerts.yaml')) as Alerts;
const rules = alerts.groups.flatMap(({ rules }) => rules);

const EXPRESSIONS: readonly Expression[] = [
  ...rules.map(({ alert, expr }) => ({ where: alert, text: expr })),
  ...dashboard.panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ where: title, text: expr }))),
];

/** The labels of every metric, by its name, as docs/metrics.md has them; those of a target are Prometheus' own. */
const LABELS = new Map(
  larder
    .text('docs/metrics.md')
    .split('\n')
    .map((line) => line.split('|').map((cell) => cell.trim()))
    .filter((cells) => cells[1]?.startsWith('`larder_'))
    .map((cells) => [cells[1]!.replaceAll('`', ''), [...cells[4]!.matchAll(/`(\w+)`/g)].map(([, label]) => label!)]),
);
const OF_TARGETS = ['job', 'instance', 'le'];

/** Every metric that an expression names, without the part of a histogram, and the labels that it selects by. */
function metricsIn({ text }: Expression): { name: string; labels: string[] }[] {
  return [...text.matchAll(/\b(larder_\w+)(?:\{([^}]*)\})?/g)].map(([, name, selector = '']) => ({
    name: LABELS.has(name!) ? name! : name!.replace(/_(bucket|sum|count)$/, ''),
    labels: [...selector.matchAll(/(\w+)\s*(?:=~|!=|!~|=)/g)].map(([, label]) => label!),
  }));
}

function closed(text: string): boolean {
  const open: string[] = [];
  for (const sign of text.replace(/"[^"]*"/g, '')) {
    if ('({['.includes(sign)) open.push(sign);
    if (')}]'.includes(sign) && open.pop() !== '({['[')}]'.indexOf(sign)]) return false;
  }
  return open.length === 0;
}

describe('the dashboard and the alert rules', () => {
  const registered = (): string[] => {
    const registry = new Registry();
    const exporter = prometheus({ registry });
    exporter.start(
      () => {
        throw new Error('nobody scrapes');
      },
      () => () => undefined,
    );
    const names = registry.getMetricsAsArray().map(({ name }) => name);
    exporter.stop();
    return names;
  };

  it('use metrics that exist', () => {
    const names = registered();
    const used = new Set(EXPRESSIONS.flatMap(metricsIn).map(({ name }) => name));
    expect([...used].filter((name) => !names.includes(name))).toEqual([]);
    expect(used.size).toBeGreaterThan(20);
  });

  it('select by labels that these metrics have', () => {
    const wrong = EXPRESSIONS.flatMap((expression) =>
      metricsIn(expression).flatMap(({ name, labels }) =>
        labels
          .filter((label) => !OF_TARGETS.includes(label) && !LABELS.get(name)?.includes(label))
          .map((label) => `${expression.where}: ${name} has no ${label}`),
      ),
    );
    expect(wrong).toEqual([]);
    expect(EXPRESSIONS.filter(({ text }) => !closed(text)).map(({ where }) => where)).toEqual([]);
  });

  it('would be found wrong', () => {
    expect(metricsIn({ where: '', text: 'rate(larder_nothing_total{colour="red"}[5m])' })).toEqual([
      { name: 'larder_nothing_total', labels: ['colour'] },
    ]);
    expect(metricsIn({ where: '', text: 'larder_load_seconds_bucket{scope=~"a"}' })).toEqual([
      { name: 'larder_load_seconds', labels: ['scope'] },
    ]);
    expect(closed('sum(rate(a{b="("}[5m]))')).toBe(true);
    expect(closed('sum(rate(a[5m])')).toBe(false);
  });

  it('ask for no quantile beyond the buckets', () => {
    const thresholds = rules
      .filter(({ expr }) => expr.includes('histogram_quantile'))
      .map(({ expr }) => Number(/> ([\d.]+)\s*$/.exec(expr)![1]));
    expect(thresholds.length).toBeGreaterThan(0);
    expect(Math.max(...thresholds)).toBeLessThan(LATENCY_BOUNDS_MS.at(-1)! / 1000);
  });

  it('say of each alert how bad it is, what is the matter, and what to do', () => {
    for (const { alert, labels, annotations } of rules) {
      expect(alert).toMatch(/^Larder[A-Z]\w+$/);
      expect(['info', 'warning', 'critical']).toContain(labels.severity);
      expect(annotations).toEqual({ summary: expect.any(String), description: expect.any(String) });
    }
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
  });

  it('lay no panel over another', () => {
    const places = new Set<string>();
    for (const { gridPos } of dashboard.panels) {
      expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
          expect(places.has(`${x} ${y}`)).toBe(false);
          places.add(`${x} ${y}`);
        }
      }
    }
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
  });
});
