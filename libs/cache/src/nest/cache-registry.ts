import { Injectable } from '@nestjs/common';
import type { CachedMethodFacts } from './interception/method-compiler.js';

/** The cached methods of the application, found at boot. */
@Injectable()
export class CacheRegistry {
  private readonly byScope = new Map<string, CachedMethodFacts[]>();

  add(facts: CachedMethodFacts): void {
    const known = this.byScope.get(facts.scope) ?? [];
    if (known.some(({ action, where }) => action === facts.action && where === facts.where)) return;
    this.byScope.set(facts.scope, [...known, facts]);
  }

  /** True for a scope that has cached methods. */
  has(scope: string): boolean {
    return this.byScope.has(scope);
  }

  scopes(): readonly string[] {
    return [...this.byScope.keys()].sort();
  }

  methodsOf(scope: string): readonly CachedMethodFacts[] {
    return this.byScope.get(scope) ?? [];
  }

  methods(): readonly CachedMethodFacts[] {
    return [...this.byScope.values()].flat();
  }
}
