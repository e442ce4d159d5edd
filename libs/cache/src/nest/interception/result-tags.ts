import { versionTag } from '../../core/coherence/source-version.js';
import { assertTag, collectionTag, entityTag } from '../../core/invalidation/tags.js';
import type { EntityRef } from '../decorators/decorator.options.js';

type AnyFunction = (...args: unknown[]) => unknown;

/** What says which tags a result carries: values, or functions of the result and the call's arguments. */
export interface ResultTagSources {
  readonly tags?: unknown;
  readonly entities?: unknown;
  readonly collections?: unknown;
  readonly sourceVersion?: unknown;
}

/**
 * The tags of a result: the implicit ones, and what the options say. What is fixed is checked and built once.
 *
 * @throws CacheError `LARDER_TAG_INVALID`, here for fixed tags, in the returned function for computed ones
 */
export function resultTags(
  implicit: readonly string[],
  { tags, entities, collections, sourceVersion }: ResultTagSources,
): (value: unknown, args: readonly unknown[]) => readonly string[] {
  const fixed = [
    ...implicit,
    ...(Array.isArray(tags) ? checkedTags(tags as string[]) : []),
    ...(Array.isArray(collections) ? (collections as string[]).map(collectionTag) : []),
  ];
  const computeTags = typeof tags === 'function' ? (tags as AnyFunction) : null;
  const computeCollections = typeof collections === 'function' ? (collections as AnyFunction) : null;
  const computeEntities = typeof entities === 'function' ? (entities as AnyFunction) : null;
  const computeVersion = typeof sourceVersion === 'function' ? (sourceVersion as AnyFunction) : null;
  if (computeTags === null && computeCollections === null && computeEntities === null && computeVersion === null)
    return () => fixed;
  return (value, args) => [
    ...(computeVersion === null ? [] : versionTags(computeVersion(value, ...args))),
    ...fixed,
    ...(computeTags === null ? [] : checkedTags(computeTags(value, ...args) as readonly string[])),
    ...(computeCollections === null
      ? []
      : (computeCollections(value, ...args) as readonly string[]).map(collectionTag)),
    ...(computeEntities === null ? [] : entityTags(computeEntities(value, ...args) as readonly EntityRef[])),
  ];
}

/** The version of a source comes first among the tags; `undefined`: it has none. */
export function versionTags(version: unknown): readonly string[] {
  return version === undefined ? [] : [versionTag(version)];
}

export function checkedTags(tags: readonly string[]): readonly string[] {
  for (const tag of tags) assertTag(tag);
  return tags;
}

export function entityTags(entities: readonly EntityRef[]): readonly string[] {
  return entities.map(([entity, id]) => entityTag(entity, id));
}
