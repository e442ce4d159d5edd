// Scenario: put and get of 1 KB in a network of ten nodes in this process, beside kad-dht as it comes (k = 20), interleaved. A put
// is one value on its three nodes. Before it a cache has missed; what a miss costs, permit included, is shown by itself.
import { randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { Clock } from 'nestjs-larder';
import { dht } from 'nestjs-larder/libp2p';
import { median } from '../measure.mjs';

const NODES = 10;
const KEYS = 30;
const ROUNDS = 3;
const PAYLOAD = Buffer.alloc(1024, 'x');
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export async function run() {
  const larder = await larderNetwork();
  const stock = await stockNetwork();
  const samples = { larder: { miss: [], put: [], get: [] }, 'kad-dht': { put: [], get: [] } };
  for (let round = -1; round < ROUNDS; round += 1) {
    for (const [name, network] of [
      ['larder', larder],
      ['kad-dht', stock],
    ]) {
      for (const operation of Object.keys(samples[name])) {
        for (let n = 0; n < KEYS; n += 1) {
          const startedAt = performance.now();
          await network[operation](`${round}:${n}`);
          if (round >= 0) samples[name][operation].push(performance.now() - startedAt);
        }
      }
    }
  }
  const rows = Object.entries(samples).flatMap(([name, operations]) =>
    Object.entries(operations).map(([operation, times]) => row(name, operation, times)),
  );
  for (const { name, operation, p50, p99, perSecond } of rows) {
    console.log(`  ${name.padEnd(8)} ${operation}  p50 ${p50} ms  p99 ${p99} ms  ${perSecond}/s`);
  }
  await larder.close();
  await stock.close();
  return { rows };
}

function row(name, operation, times) {
  const sorted = [...times].sort((a, b) => a - b);
  const round = (value) => Math.round(value * 100) / 100;
  const total = times.reduce((sum, time) => sum + time, 0);
  const p99 = round(sorted[Math.floor(sorted.length * 0.99)]);
  return { name, operation, p50: round(median(times)), p99, perSecond: Math.round((times.length / total) * 1000) };
}

class MachineClock extends Clock {
  wall = () => Date.now();
  monotonic = () => performance.now();
  coarse = () => performance.now();
  schedule(delayMs, action) {
    const handle = setTimeout(() => action(), delayMs);
    return { cancel: () => clearTimeout(handle) };
  }
}

async function larderNetwork() {
  const nodes = [];
  let bootstrap = [];
  for (let n = 0; n < NODES; n += 1) {
    const tier = dht({ network: 'bench', psk: 'the secret of the bench', listen: '/ip4/127.0.0.1/tcp/0', bootstrap });
    const parts = tier.create({ namespace: 'bench', instanceId: randomUUID(), clock: new MachineClock() });
    await parts.log.open({ apply: () => {}, reset: () => {} });
    bootstrap = bootstrap.length > 0 ? bootstrap : [...tier.addresses().bench];
    nodes.push({ tier, ...parts });
  }
  while (nodes.some(({ tier }) => tier.counts().bench.peers < NODES - 1)) await sleep(50);
  const entry = { payload: PAYLOAD, tags: [], freshMs: 600_000, keepMs: 600_000 };
  const [writer, reader] = nodes;
  const permits = new Map();
  return {
    miss: async (key) => {
      const read = await writer.backend.read(key, { permitMs: 60_000 });
      if (read.hit) throw new Error(`Expected a miss of ${key}.`);
      permits.set(key, read.permit);
    },
    put: async (key) => {
      if (!(await writer.backend.fill(key, permits.get(key), entry))) throw new Error(`Expected ${key} to be stored.`);
    },
    get: async (key) => {
      if (!(await reader.backend.read(key, { permitMs: 1000 })).hit) throw new Error(`Expected a hit of ${key}.`);
    },
    close: () => Promise.all(nodes.map(({ log }) => log.close())),
  };
}

/** `Promise.withResolvers` is there: the other network was loaded first. */
async function stockNetwork() {
  const { createLibp2p } = await import('libp2p');
  const { tcp } = await import('@libp2p/tcp');
  const { noise } = await import('@libp2p/noise');
  const { yamux } = await import('@libp2p/yamux');
  const { identify } = await import('@libp2p/identify');
  const { ping } = await import('@libp2p/ping');
  const { kadDHT, passthroughMapper } = await import('@libp2p/kad-dht');
  const nodes = [];
  for (let n = 0; n < NODES; n += 1) {
    const node = await createLibp2p({
      addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
      connectionGater: { denyDialMultiaddr: () => false },
      services: {
        identify: identify(),
        ping: ping(),
        dht: kadDHT({
          protocol: '/bench/kad/1.0.0',
          clientMode: false,
          peerInfoMapper: passthroughMapper,
          validators: { bench: () => {} },
          selectors: { bench: () => 0 },
        }),
      },
    });
    for (const other of nodes) await node.dial(other.getMultiaddrs()[0]);
    nodes.push(node);
  }
  await sleep(3000);
  const [writer, reader] = nodes;
  const keyOf = (key) => Buffer.from(`/bench/${key}`);
  const drain = async (events, wanted) => {
    let seen = 0;
    for await (const { name } of events) if (name === wanted) seen += 1;
    if (seen === 0) throw new Error(`Expected ${wanted} of kad-dht, got none.`);
  };
  return {
    put: (key) => drain(writer.services.dht.put(keyOf(key), PAYLOAD), 'PEER_RESPONSE'),
    get: async (key) => {
      for await (const { name } of reader.services.dht.get(keyOf(key))) if (name === 'VALUE') return;
      throw new Error(`Expected kad-dht to find ${key}.`);
    },
    close: () => Promise.all(nodes.map((node) => node.stop())),
  };
}
