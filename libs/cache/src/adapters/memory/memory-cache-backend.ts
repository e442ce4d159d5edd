import { randomUUID } from 'node:crypto';
import {
  CacheBackend,
  type BackendRead,
  type FillEntry,
  type FillPermit,
  type ReadOptions,
} from '../../core/coherence/cache-backend.port.js';
import type { TierInspection, TierSurvey, TierSurveyRequest } from '../../core/coherence/tier-inspection.js';
import type { HubInvalidationLog } from './hub-invalidation-log.js';
import type { HubLink } from './hub-link.js';

/** One instance's end of a shared tier in this process, with the full protocol: stamps, permits, election. */
export class MemoryCacheBackend extends CacheBackend {
  override readonly name = 'memory-hub';
  override readonly inspection: TierInspection = {
    survey: (request) => this.link.command('survey', () => this.surveyed(request)),
    entries: (keys) => this.link.command('entries', () => keys.map((key) => this.link.hub.heldUnder(key))),
    tagOrds: (tags) => this.link.command('tags', () => tags.map((tag) => this.link.hub.tagOrd(tag))),
  };

  constructor(
    private readonly link: HubLink,
    private readonly log: HubInvalidationLog,
  ) {
    super();
  }

  override open(): Promise<void> {
    return Promise.resolve();
  }

  override available(): boolean {
    return !this.link.cut;
  }

  override read(key: string, options: ReadOptions): Promise<BackendRead> {
    return this.link.command('read', () => this.link.hub.read(key, options));
  }

  override fill(key: string, permit: FillPermit, entry: FillEntry): Promise<boolean> {
    return this.link.command('fill', () => this.link.hub.fill(key, permit, entry));
  }

  override release(key: string, permit: FillPermit): Promise<void> {
    return this.link.command('release', () => this.link.hub.release(key, permit));
  }

  override async put(key: string, entry: FillEntry): Promise<boolean> {
    const origin = this.name;
    const invalidation = {
      id: randomUUID(),
      keys: [key],
      tags: [],
      patterns: [],
      flush: false,
      reason: 'set',
      origin,
    };
    const position = await this.link.command('put', () => this.link.hub.put(key, entry, invalidation));
    if (position !== null) this.log.applyHere(invalidation, position);
    return position !== null;
  }

  override close(): Promise<void> {
    return Promise.resolve();
  }

  private surveyed({ matches, maxKeys }: TierSurveyRequest): TierSurvey {
    const found = this.link.hub.held().filter(([key, { fault }]) => fault === null && matches(key));
    const shown = found.slice(0, maxKeys);
    const bytes = shown.reduce((sum, [, entry]) => sum + entry.bytes, 0);
    return { keys: shown.map(([key]) => key), bytes, complete: shown.length === found.length };
  }
}
