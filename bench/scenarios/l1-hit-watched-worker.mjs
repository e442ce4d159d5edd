// One sample: the cost of a hit, as processor time of this process, ns. What it is to be watched by stands in the arguments.
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base';
import { opentelemetry } from 'nestjs-larder/opentelemetry';
import { prometheus } from 'nestjs-larder/prometheus';
import { Registry } from 'prom-client';
import { larderWith } from '../contenders/larder.mjs';
import { median } from '../measure.mjs';

const KEYS = 1000;
const CALLS = 200_000;
const ROUNDS = 9;
const WARMUPS = 4;

const EXPORTERS = {
  prometheus: () => prometheus({ registry: new Registry() }),
  opentelemetry: () =>
    opentelemetry({
      tracer: new BasicTracerProvider().getTracer('bench'),
      meter: new MeterProvider().getMeter('bench'),
    }),
};

const metrics = process.argv.slice(2).map((name) => EXPORTERS[name]());
const cache = await larderWith('watched', () => ({ metrics })).create(async (id) => ({ id, name: `item ${id}` }));
for (let id = 1; id <= KEYS; id += 1) await cache.call(id);
const costs = [];
for (let round = -WARMUPS; round < ROUNDS; round += 1) {
  const before = process.cpuUsage();
  for (let i = 0; i < CALLS; i += 1) await cache.call(1 + (i % KEYS));
  const { user, system } = process.cpuUsage(before);
  if (round >= 0) costs.push(((user + system) * 1000) / CALLS);
}
await cache.close();
console.log(median(costs));
