import type { DiscoveryService } from '@nestjs/core';

/** A store that may be made before its data source is known; those of `nestjs-larder/typeorm` are. */
interface Bindable {
  bind(dataSource: unknown): unknown;
}

/**
 * Gives stores that were made without a data source the application's own. TypeORM is optional, so its data source is
 * recognised by name and shape instead of being imported.
 */
export function bindDataSource(discovery: DiscoveryService, stores: readonly unknown[]): void {
  const bindable = stores.filter(isBindable);
  if (bindable.length === 0) return;
  const found = discovery.getProviders().find(({ instance }) => isDataSource(instance));
  if (found !== undefined) for (const store of bindable) store.bind(found.instance);
}

function isBindable(store: unknown): store is Bindable {
  return typeof (store as Partial<Bindable> | undefined)?.bind === 'function';
}

function isDataSource(instance: unknown): boolean {
  if (typeof instance !== 'object' || instance === null) return false;
  return instance.constructor.name === 'DataSource' && 'createQueryRunner' in instance;
}
