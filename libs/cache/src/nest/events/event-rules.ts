import { InvalidationIntent } from '../../core/invalidation/intent.js';
import { fullKey } from '../../core/keys/local-key.js';
import type { EventClass } from '../decorators/method-declarations.js';
import type { CachedMethodFacts } from '../interception/method-compiler.js';
import type { EventMapping } from './event-mapping.js';

interface Rule {
  readonly select: (payload: unknown) => readonly InvalidationIntent[];
  /** What the rule may touch at all. */
  readonly scope: string | null;
}

/** Which events invalidate what: from `@InvalidateOn` and from the options. */
export class EventRules {
  private readonly rules = new Map<string | EventClass, Rule[]>();

  /** Event names, for sources that subscribe by name. */
  names(): readonly string[] {
    return [...this.rules.keys()].filter((event): event is string => typeof event === 'string');
  }

  get empty(): boolean {
    return this.rules.size === 0;
  }

  addMethod(facts: CachedMethodFacts): void {
    for (const { event, select } of facts.model.events) {
      const wholeMethod = InvalidationIntent.action(facts.scope, facts.action);
      this.add(event, {
        scope: facts.scope,
        select: (payload) => {
          if (select === null) return [wholeMethod];
          const args = (select as (payload: unknown) => readonly unknown[])(payload);
          return entriesOf(facts, args).map((key) => InvalidationIntent.key(fullKey(facts.scope, key)));
        },
      });
    }
  }

  /** @param scopes all scopes of the application, for a mapping that names none */
  addMapping({ event, keys = [], tags = [], scope }: EventMapping, scopes: readonly string[]): void {
    const meant = scope === undefined ? scopes : [scope];
    const intents = [
      ...keys.flatMap((pattern) => meant.map((each) => InvalidationIntent.pattern(pattern, each))),
      ...tags.map((tag) => InvalidationIntent.tag(tag)),
    ];
    this.add(event, { scope: null, select: () => intents });
  }

  /** What an event invalidates. Events that are objects go by their class and by its name. */
  intentsFor(event: string | EventClass, payload: unknown): readonly InvalidationIntent[] {
    return this.rulesFor(event).flatMap((rule) => rule.select(payload));
  }

  /** All scopes whose entries an event could mean, whatever its payload. */
  everythingFor(event: string | EventClass): readonly InvalidationIntent[] {
    const rules = this.rulesFor(event);
    const fixed = rules.filter(({ scope }) => scope === null).flatMap((rule) => rule.select(undefined));
    const scopes = new Set(rules.map(({ scope }) => scope).filter((scope) => scope !== null));
    return [...fixed, ...[...scopes].map((scope) => InvalidationIntent.scope(scope))];
  }

  private rulesFor(event: string | EventClass): readonly Rule[] {
    const byName = typeof event === 'string' ? [] : (this.rules.get(event.name) ?? []);
    return [...(this.rules.get(event) ?? []), ...byName];
  }

  private add(event: string | EventClass, rule: Rule): void {
    this.rules.set(event, [...(this.rules.get(event) ?? []), rule]);
  }
}

/** The local keys of a call. A bulk method is called with a list of ids, and has an entry for each. */
function entriesOf({ model, localKeyOf }: CachedMethodFacts, args: readonly unknown[]): readonly string[] {
  const [ids, ...rest] = args;
  if (model.declaration.kind !== 'cachedMany' || !Array.isArray(ids)) return [localKeyOf(args)];
  return ids.map((id) => localKeyOf([id, ...rest]));
}
