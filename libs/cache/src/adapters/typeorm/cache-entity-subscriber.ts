import type { EntityManager, EntityMetadata, EntitySubscriberInterface, ObjectLiteral } from 'typeorm';
import { InvalidationIntentBatch } from '../../core/invalidation/intent-batch.js';
import { cacheEntityOf } from './cache-entity.decorator.js';

interface EntityEvent {
  readonly manager: EntityManager;
  readonly metadata: EntityMetadata;
  readonly entity?: ObjectLiteral | undefined;
  readonly databaseEntity?: ObjectLiteral | undefined;
  readonly entityId?: ObjectLiteral | undefined;
}

/**
 * Turns changes of entities marked with `@CacheEntity` into intents. TypeORM does not say which rows `repository.update()`
 * or a query builder has changed; then the whole namespace is invalidated, cold but right, and the developer is told once.
 */
export class CacheEntitySubscriber implements EntitySubscriberInterface {
  private readonly warned = new Set<string>();

  constructor(private readonly collect: (manager: EntityManager, batch: InvalidationIntentBatch) => Promise<void>) {}

  afterInsert(event: EntityEvent): Promise<void> | void {
    return this.changed(event, 'insert');
  }

  afterUpdate(event: EntityEvent): Promise<void> | void {
    return this.changed(event, 'update');
  }

  afterRemove(event: EntityEvent): Promise<void> | void {
    return this.changed(event, 'remove');
  }

  afterSoftRemove(event: EntityEvent): Promise<void> | void {
    return this.changed(event, 'soft remove');
  }

  afterRecover(event: EntityEvent): Promise<void> | void {
    return this.changed(event, 'recover');
  }

  private changed(event: EntityEvent, verb: string): Promise<void> | void {
    const described = cacheEntityOf(event.metadata.target);
    if (described === null) return;
    const { metadata } = event;
    const batch = new InvalidationIntentBatch(`${verb} of ${metadata.name}`);
    const keys = [event.entity, event.databaseEntity, event.entityId].map((source) => keyOf(metadata, source));
    const known = new Set(keys.filter((key) => key !== null));
    if (known.size === 0) {
      this.warnOnce(metadata.name, verb);
      batch.flush();
    }
    for (const key of known) batch.invalidateEntity(described.name, key);
    for (const collection of described.collections) batch.invalidateCollection(collection);
    return this.collect(event.manager, batch);
  }

  private warnOnce(entity: string, verb: string): void {
    if (this.warned.has(entity)) return;
    this.warned.add(entity);
    process.emitWarning(
      `Expected to know which ${entity} a ${verb} has changed, got none from TypeORM (a query builder or repository.${verb}()): ` +
        `the whole cache namespace is invalidated. Use save(), or installInvalidationTrigger for the table.`,
      'LarderUnknownEntity',
    );
  }
}

/** The key in the cache: the primary key as text, parts of a composite one joined by \`:\`; \`null\` where one is missing. */
function keyOf(metadata: EntityMetadata, entity: ObjectLiteral | undefined): string | null {
  if (entity === undefined || entity === null) return null;
  const parts = metadata.primaryColumns.map((column) => column.getEntityValue(entity) as unknown);
  if (parts.some((part) => part === undefined || part === null)) return null;
  return parts.map(String).join(':');
}
