import { failureCode, failureKind } from '../../../libs/cache/src/adapters/redis/redis-command.js';
import { resolveRedisTierOptions } from '../../../libs/cache/src/adapters/redis/redis.options.js';
import { warningsOf } from '../../../libs/cache/src/adapters/redis/server-policy.js';

const info = (more: Record<string, string> = {}): string =>
  Object.entries({
    redis_version: '7.0.15',
    maxmemory: '0',
    maxmemory_policy: 'noeviction',
    connected_slaves: '0',
    ...more,
  })
    .map(([name, value]) => `${name}:${value}\r\n`)
    .join('');

describe('warnings about a server', () => {
  it.each([
    ['nothing', {}, '0', 0],
    ['an old version', { redis_version: '6.0.9' }, null, 1],
    [
      'an eviction policy that may take the control record',
      { maxmemory: '100', maxmemory_policy: 'allkeys-lru' },
      null,
      1,
    ],
    ['that policy without a limit', { maxmemory_policy: 'allkeys-lru' }, null, 0],
    ['a policy that spares it', { maxmemory: '100', maxmemory_policy: 'volatile-lru' }, null, 0],
    ['replicas that need not be there', { connected_slaves: '1' }, '0', 1],
    ['replicas that must be there', { connected_slaves: '1' }, '1', 0],
    ['replicas of a server that does not tell', { connected_slaves: '1' }, null, 0],
  ])('%s', (_, more, minReplicas, count) => {
    expect(warningsOf(info(more as Record<string, string>), minReplicas)).toHaveLength(count);
  });
});

describe('what a failure means', () => {
  it.each([
    ['EPOCH the log is of another history', 'EPOCH', 'history'],
    ['NOCTL the control record is missing', 'NOCTL', 'history'],
    ['OOM command not allowed', 'OOM', 'refused'],
    ["READONLY You can't write", 'READONLY', 'lost'],
    ['Connection is closed.', 'CLOSED', 'lost'],
    ["Stream isn't writeable and enableOfflineQueue options is false", 'CLOSED', 'lost'],
    ['Too many Cluster redirections. Last error: ReplyError: ASK 1 127.0.0.1:1', 'TRYAGAIN', 'lost'],
    ['Too many Cluster redirections. Last error: Error: CLUSTERDOWN', 'CLUSTERDOWN', 'lost'],
    ['something else', 'UNKNOWN', 'lost'],
  ])('%s', (message, code, kind) => {
    expect(failureCode(new Error(message))).toBe(code);
    expect(failureKind(new Error(message))).toBe(kind);
  });

  it('is told by the code of the system where there is one', () => {
    expect(failureCode(Object.assign(new Error('secret text'), { code: 'ECONNREFUSED' }))).toBe('ECONNREFUSED');
    expect(failureCode(null)).toBe('UNKNOWN');
  });
});

describe('options of redis()', () => {
  const url = 'redis://127.0.0.1:1';

  it('have the defaults of the coherence page', () => {
    expect(resolveRedisTierOptions({ url })).toMatchObject({
      leaseMs: 2000,
      readTimeoutMs: 250,
      invalidationTimeoutMs: 2000,
      connectTimeoutMs: 2000,
      retryMinMs: 50,
      retryMaxMs: 2000,
      breakerFailures: 5,
      breakerWindowMs: 10_000,
      required: false,
    });
  });

  it.each([
    ['no place', {}, /exactly one of/],
    ['a place that is unset', { url: undefined }, /exactly one of/],
    ['two places', { url, cluster: { nodes: [] } }, /url and cluster/],
    ['an address without a scheme', { url: 'localhost:6379' }, /redis:\/\/ or rediss/],
    ['an address of something else', { url: 'http://localhost:6379' }, /redis:\/\/ or rediss/],
    ['an empty address', { url: '' }, /redis:\/\/ or rediss/],
    ['an empty prefix', { url, keyPrefix: '' }, /keyPrefix/],
    ['a lease too short to renew', { url, lease: '10ms' }, /lease/],
    ['no failures', { url, breakerFailures: 0 }, /breakerFailures/],
    ['an empty secret', { url, secret: [''] }, /secret/],
  ])('are refused with the name of the field: %s', (_, options, message) => {
    expect(() => resolveRedisTierOptions(options)).toThrow(message);
  });

  it('never show a secret', () => {
    expect(() => resolveRedisTierOptions({ url, secret: ['top', 7 as never] })).toThrow(/got number/);
    const shown = (): string => {
      try {
        return JSON.stringify(resolveRedisTierOptions({ url: 'redis//user:password@host' }));
      } catch (error) {
        return String(error);
      }
    };
    expect(shown()).not.toContain('password');
  });
});
