import { AnchorWatch } from '../../core/coherence/anchor-watch.js';
import type { CoherenceEvents } from '../../core/coherence/coherence.events.js';
import { LogMessageCodec } from '../../core/coherence/log-message.js';
import { MessageSigner } from '../../core/coherence/message-signature.js';
import { SharedTier, type SharedTierContext, type SharedTierParts } from '../../core/coherence/shared-tier.port.js';
import { targetMatcher } from '../../core/invalidation/target-matcher.js';
import { PatternCache } from '../../core/keys/pattern-cache.js';
import { AnchoredAttestor } from './anchored-attestor.js';
import { ClusterStore } from './cluster-store.js';
import { HistoryRepair } from './history-repair.js';
import { KeepRecord } from './keep-record.js';
import { MemberWatch } from './member-watch.js';
import { PatternPredicates } from './pattern-predicates.js';
import { PatternSweeper } from './pattern-sweeper.js';
import { RedisCacheBackend } from './redis-cache-backend.js';
import { PlainReads } from './plain-reads.js';
import { RecentInvalidations } from './recent-invalidations.js';
import { asList, asText, runScript } from './redis-command.js';
import { RedisConnector } from './redis-connector.js';
import { RedisInvalidationLog } from './redis-invalidation-log.js';
import { RedisKeys } from './redis-keys.js';
import { RedisLink } from './redis-link.js';
import { RedisSharedSettings } from './redis-shared-settings.js';
import { RedisTierInspection } from './redis-tier-inspection.js';
import { RedisRecordAccelerator } from './redis-record-accelerator.js';
import { resolveRedisTierOptions, type RedisTierOptions, type ResolvedRedisTierOptions } from './redis.options.js';
import { ResidentTags } from './resident-tags.js';
import { PREDICATES } from './scripts/predicates.script.js';
import { ServerAttestor } from './server-attestor.js';
import { ServerPolicy } from './server-policy.js';
import { SingleSlotStore } from './single-slot-store.js';
import { TagPruning } from './tag-pruning.js';
import { Upkeep } from './upkeep.js';

const NOBODY: CoherenceEvents = { emit: () => undefined };

/** Redis, Valkey, Sentinel or Redis Cluster as the shared tier; made by `redis()`. */
export class RedisSharedTier extends SharedTier {
  override readonly kind = 'redis';
  private readonly resolved: ResolvedRedisTierOptions;

  constructor(
    private readonly options: RedisTierOptions,
    private readonly random: () => number = Math.random,
  ) {
    super();
    this.resolved = resolveRedisTierOptions(options);
  }

  override create(context: SharedTierContext): SharedTierParts {
    const { resolved: options, random } = this;
    const { namespace, instanceId, clock, events = NOBODY, replay = null } = context;
    const anchor =
      context.anchor === undefined ? null : new AnchorWatch(context.anchor, namespace, clock, options.leaseMs);
    const connector = new RedisConnector(this.options, options);
    const keys = new RedisKeys(options.keyPrefix, namespace, connector.clustered);
    const codec = new LogMessageCodec(
      namespace,
      options.secrets.length === 0 ? null : new MessageSigner(options.secrets),
    );
    const repair = new HistoryRepair(keys, replay, events, clock, options.leaseMs);
    const attestor = new ServerAttestor(keys, repair.policy, clock, options.leaseMs, options.connectTimeoutMs);
    const resident = connector.clustered ? null : new ResidentTags();
    const link = new RedisLink({
      keys,
      clock,
      instanceId,
      options,
      connector,
      attestor: new AnchoredAttestor(attestor, anchor),
      anchor,
      repair,
      codec,
      resident,
      events,
      random,
    });
    const store =
      resident === null
        ? new ClusterStore(link, keys, options)
        : new SingleSlotStore(link, keys, options, new PlainReads(link, resident));
    const compile = targetMatcher(new PatternCache());
    const predicates = new PatternPredicates(() => listPredicates(link, keys, options), compile, options.maxPatterns);
    const sweeper = new PatternSweeper(link, keys, store, predicates, clock, options.readTimeoutMs, events);
    const pruning = new TagPruning(link, keys, clock, options.maxTags, options.readTimeoutMs);
    const upkeep = new Upkeep(link, keys, sweeper, pruning, clock, options.readTimeoutMs, random);
    const members = new MemberWatch(link, keys, clock, options);
    const policy = new ServerPolicy(link, clock, options.readTimeoutMs, anchor !== null);
    const log = new RedisInvalidationLog({
      link,
      store,
      codec,
      predicates,
      sweeper,
      upkeep,
      members,
      recent: replay === null ? null : new RecentInvalidations(clock, options.leaseMs),
      policy,
      anchor,
      clock,
      instanceId,
      options,
    });
    const keep = new KeepRecord(link, keys, options.readTimeoutMs);
    const inspection = new RedisTierInspection(link, keys, predicates, clock, options.readTimeoutMs);
    const settings = new RedisSharedSettings(link, keys, options.invalidationTimeoutMs);
    const records = new RedisRecordAccelerator(link, keys, keep, connector.clustered, options.readTimeoutMs);
    return {
      log,
      backend: new RedisCacheBackend(link, log, store, predicates, keep, events, inspection),
      settings,
      records,
    };
  }
}

async function listPredicates(
  link: RedisLink,
  keys: RedisKeys,
  options: ResolvedRedisTierOptions,
): Promise<{ upTo: string; members: readonly string[] }> {
  const reply = await link.run(options.readTimeoutMs, (client) =>
    runScript(client, PREDICATES, [keys.control, keys.predicates], [link.era]),
  );
  const [upTo = '', ...members] = asList(reply).map(asText);
  return { upTo, members };
}
