import { Module, type DynamicModule, type Type } from '@nestjs/common';
import { modelOf } from '../interception/class-model.js';
import { AdminAccess } from './admin-access.js';
import { adminController } from './admin.controller.js';
import type { AdminOptions } from './admin.options.js';

/** Options of `CacheModule.forFeature`. */
export interface CacheFeatureOptions {
  /** Who may use the admin routes of these services; `false`: nobody. @default what the module says */
  admin?: AdminOptions | false;
}

/** The admin routes of one scope, or of several services. */
@Module({})
export class AdminRoutesModule {}

/** Definitions by scope. Nest makes one module of one definition, so a scope named twice has its routes once. */
const definitions = new Map<string, DynamicModule>();

/** Routes with concrete paths for the scopes of services; a service without cached methods has none. */
export function adminRoutesOf(services: readonly Type[], { admin }: CacheFeatureOptions): DynamicModule {
  const scopes = [...new Set(services.flatMap(scopeWithCachedMethods))];
  const access = (known: AdminAccess, options: AdminOptions | false) => {
    for (const scope of scopes) known.define(scope, options);
    return scopes;
  };
  return {
    module: AdminRoutesModule,
    imports: scopes.map(definitionOf),
    providers:
      admin === undefined
        ? []
        : [
            {
              provide: Symbol('access to the admin routes of a feature'),
              useFactory: (known: AdminAccess) => access(known, admin),
              inject: [AdminAccess],
            },
          ],
  };
}

function definitionOf(scope: string): DynamicModule {
  let definition = definitions.get(scope);
  if (definition === undefined) {
    definition = { module: AdminRoutesModule, controllers: [adminController(scope)] };
    definitions.set(scope, definition);
  }
  return definition;
}

function scopeWithCachedMethods(service: Type): string[] {
  const { scope, methods } = modelOf(service.prototype as object);
  return methods.some(({ declaration }) => declaration.kind !== 'invalidates') ? [scope] : [];
}
