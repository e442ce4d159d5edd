export { PREFIX_INDEX_OPTIONS, PrefixIndexModule } from './prefix-index.module.js';
export type { PrefixIndexModuleAsyncOptions, PrefixIndexOptionsFactory } from './prefix-index.module.js';
export type { PrefixIndexModuleOptions, PrefixSweepOptions } from './prefix-index-module.options.js';
export { PrefixCache } from '../../core/prefix/prefix-cache.js';
export type {
  PrefixCacheCounters,
  PrefixFinding,
  RecordOptions,
  TokenCounter,
} from '../../core/prefix/prefix-cache.js';
export type { PrefixCacheOptions } from '../../core/prefix/prefix-cache.options.js';
export { PrefixIndex } from '../../core/prefix/prefix-index.js';
export { PrefixTicket } from '../../core/prefix/prefix-ticket.js';
export type { TicketedLookup } from '../../core/prefix/prefix-index.js';
export type { PrefixIndexOptions } from '../../core/prefix/prefix-index.options.js';
export { TtlTier } from '../../core/prefix/ttl-tier.js';
export { prefixIntent } from '../../core/prefix/index-scope.js';
export type { IndexScope, ScopePart } from '../../core/prefix/index-scope.js';
export type { PrefixEntry, PrefixHash, PrefixMatch, StoredPrefix } from '../../core/prefix/prefix-entry.js';
export { fingerprint } from '../../core/prefix/fingerprint.js';
export type { Fingerprint, FingerprintOptions, PrefixCandidate, PromptBlock } from '../../core/prefix/fingerprint.js';
export { promptOf } from '../../core/prefix/prompt.js';
export type { Prompt, PromptMessage, PromptRequest } from '../../core/prefix/prompt.js';
export { PrefixStore } from '../../core/prefix/prefix-store.port.js';
export type {
  PrefixRefresh,
  PrefixWrite,
  RefreshedPrefix,
  StoredLookup,
  WriteBegin,
  WrittenPrefix,
} from '../../core/prefix/prefix-store.port.js';
export { InMemoryPrefixStore } from '../../adapters/memory/in-memory-prefix-store.js';
