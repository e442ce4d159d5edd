import 'reflect-metadata';
import type { CachePolicyOptions } from './decorator.options.js';

const SCOPE = Symbol.for('nestjs-larder:scope');

/** What `@CacheScope` said. */
export interface ScopeDeclaration extends CachePolicyOptions {
  readonly name: string;
}

/**
 * Names the scope of a class: the first part of its keys and of its admin routes (`/user/cache/clear`). Without it the
 * scope is the class name less `Service`, in snake_case. The options are the service level of the configuration.
 */
export function CacheScope(name: string, options: CachePolicyOptions = {}): ClassDecorator {
  return (target) => Reflect.defineMetadata(SCOPE, { ...options, name }, target);
}

export function scopeDeclarationOf(type: object): ScopeDeclaration | undefined {
  return Reflect.getMetadata(SCOPE, type) as ScopeDeclaration | undefined;
}
