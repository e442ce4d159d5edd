import { Injectable } from '@nestjs/common';
import type { CachedActionFacts, CachedMethodFacts } from './interception/method-compiler.js';

/** What is cached in the application, found at boot: methods, and answers of controllers. */
@Injectable()
export class CacheRegistry {
  private readonly byScope = new Map<string, CachedActionFacts[]>();
  private readonly declared = new Map<string, Set<string>>();

  /** Notes an action, which may be switched off. */
  declare(scope: string, action: string): void {
    this.declared.set(scope, (this.declared.get(scope) ?? new Set()).add(action));
  }

  declaredScopes(): readonly string[] {
    return [...this.declared.keys()].sort();
  }

  /** All actions of a scope, those included that are switched off. */
  declaredIn(scope: string): readonly string[] {
    return [...(this.declared.get(scope) ?? [])];
  }

  add(facts: CachedActionFacts): void {
    const known = this.byScope.get(facts.scope) ?? [];
    if (known.some(({ action, where }) => action === facts.action && where === facts.where)) return;
    this.byScope.set(facts.scope, [...known, facts]);
  }

  /** True for a scope in which something is cached. */
  has(scope: string): boolean {
    return this.byScope.has(scope);
  }

  scopes(): readonly string[] {
    return [...this.byScope.keys()].sort();
  }

  actionsOf(scope: string): readonly CachedActionFacts[] {
    return this.byScope.get(scope) ?? [];
  }

  /** The cached methods alone. */
  methods(): readonly CachedMethodFacts[] {
    return [...this.byScope.values()].flat().filter((facts): facts is CachedMethodFacts => 'model' in facts);
  }
}
