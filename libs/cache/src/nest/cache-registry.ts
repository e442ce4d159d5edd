import { Injectable } from '@nestjs/common';
import type { CachedActionFacts, CachedMethodFacts } from './interception/method-compiler.js';

/** What is cached in the application, found at boot: methods, and answers of controllers. */
@Injectable()
export class CacheRegistry {
  private readonly byScope = new Map<string, CachedActionFacts[]>();

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
