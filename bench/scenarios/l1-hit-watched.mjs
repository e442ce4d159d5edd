// Scenario A: the same hit while the cache is watched: exporters installed against none. What they cost is the goal's 3 %.
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base';
import { opentelemetry } from 'nestjs-larder/opentelemetry';
import { prometheus } from 'nestjs-larder/prometheus';
import { Registry } from 'prom-client';
import { larderWith } from '../contenders/larder.mjs';
import { compare, costOfAwaited } from '../measure.mjs';

const KEYS = 1000;
const CALLS = 200_000;
const UNWATCHED = 'not watched';

const prometheusExporter = () => prometheus({ registry: new Registry() });
const opentelemetryExporter = () =>
  opentelemetry({
    tracer: new BasicTracerProvider().getTracer('bench'),
    meter: new MeterProvider().getMeter('bench'),
  });

const CONTENDERS = [
  larderWith(UNWATCHED, () => ({})),
  larderWith('not watched, once more', () => ({})),
  larderWith('prometheus()', () => ({ metrics: prometheusExporter() })),
  larderWith('opentelemetry(), metrics and traces', () => ({ metrics: opentelemetryExporter() })),
  larderWith('both', () => ({ metrics: [prometheusExporter(), opentelemetryExporter()] })),
];

export async function run() {
  const load = async (id) => ({ id, name: `item ${id}` });
  const running = [];
  for (const { name, create } of CONTENDERS) {
    const cache = await create(load);
    for (let id = 1; id <= KEYS; id += 1) await cache.call(id);
    running.push({ name, cache, run: () => costOfAwaited(CALLS, (i) => cache.call(1 + (i % KEYS))) });
  }
  const result = await compare(running, { baseline: UNWATCHED, rounds: 21, warmups: 4 });
  for (const { cache } of running) await cache.close();
  return result;
}
