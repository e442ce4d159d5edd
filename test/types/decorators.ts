/**
 * What the types of the decorators accept and refuse. Nothing here runs: `tsc -p tsconfig.json` fails where a right use no
 * longer compiles, and where a wrong use, marked by `@ts-expect-error`, begins to.
 */
import {
  Cached,
  CachedMany,
  CacheService,
  InvalidateOn,
  Invalidates,
  entityTag,
  type CacheModuleOptions,
  type InvalidationIntent,
} from 'nestjs-larder';

interface User {
  id: number;
  name: string;
}

class UserUpdated {
  constructor(readonly id: number) {}
}

export class RightUses {
  @Cached()
  async bare(): Promise<void> {}

  @Cached(60)
  async seconds(id: number): Promise<number> {
    return id;
  }

  @Cached('5m')
  async text(): Promise<null> {
    return null;
  }

  @Cached<RightUses['typed']>({
    ttl: '30s',
    grace: '1h',
    tags: (users, text, limit) => users.map((user) => entityTag('user', user.id + limit + text.length)),
    entities: (users) => users.map((user) => ['user', user.id]),
    collections: ['users'],
    key: (text, limit) => [text.trim(), limit.toFixed()],
    when: (text) => text.length > 2,
    unless: (users) => users.length === 0,
  })
  async typed(_text: string, _limit: number): Promise<User[]> {
    return [];
  }

  @Cached({ ttl: 60, backend: 'dht' })
  async elsewhere(): Promise<void> {}

  @Cached({ tags: ['a', 'b'] })
  async generic<T>(value: T): Promise<T> {
    return value;
  }

  @CachedMany<RightUses['byIds']>({
    id: (user) => user.id,
    tags: (user, id) => [user === null ? entityTag('none', id) : entityTag(user.name, id)],
  })
  async byIds(_ids: number[], _locale: string): Promise<User[]> {
    return [];
  }

  @Cached(60)
  @InvalidateOn('user.updated', (event: { id: number }) => [event.id])
  @InvalidateOn(UserUpdated, (event: UserUpdated) => [event.id])
  @InvalidateOn('users.imported')
  async profile(_id: number): Promise<User | null> {
    return null;
  }

  @Cached(60)
  @InvalidateOn('user.updated', (event: { id: number }) => [event.id, 'en'])
  async localized(_id: number, _locale: string): Promise<string> {
    return '';
  }

  @CachedMany<RightUses['list']>({ id: (user) => user.id })
  @InvalidateOn('user.updated', (event: { id: number }) => [[event.id]])
  async list(_ids: number[]): Promise<User[]> {
    return [];
  }

  @Cached(60)
  @InvalidateOn('search.changed', (event: { words: string[] }) => [{ words: event.words, page: 1 }])
  async search(_query: { words: string[]; page: number }): Promise<User[]> {
    return [];
  }

  @Invalidates<RightUses['rename']>({
    entities: (user, id) => [
      ['user', user.id],
      ['user', id],
    ],
    keys: (user) => [`profile:${user.id}`],
    patterns: ['search:*'],
    collections: ['users'],
  })
  async rename(id: number, name: string): Promise<User> {
    return { id, name };
  }

  async byHand(cache: CacheService, intents: InvalidationIntent[]): Promise<number> {
    await cache.invalidate(intents, { reason: 'test' });
    const user: User | undefined = cache.get<User>('user:1');
    const count: number = await cache.getOrSet('count', () => Promise.resolve(user?.id ?? 0), { ttl: '1m' });
    return count;
  }
}

export class WrongUses {
  // @ts-expect-error the method returns no promise
  @Cached(60)
  notAsync(id: number): number {
    return id;
  }

  // @ts-expect-error tags takes the method's own result: a number has no `map`
  @Cached<WrongUses['wrongResult']>({ tags: (result) => result.map(String) })
  async wrongResult(id: number): Promise<number> {
    return id;
  }

  // @ts-expect-error the second parameter is a number
  @Cached<WrongUses['wrongParameter']>({ key: (text: string, limit: string) => [text, limit] })
  async wrongParameter(_text: string, _limit: number): Promise<void> {}

  // @ts-expect-error unless answers with a boolean
  @Cached<WrongUses['wrongAnswer']>({ unless: (result) => result.name })
  async wrongAnswer(): Promise<User> {
    return { id: 1, name: 'x' };
  }

  // @ts-expect-error the type is that of another method
  @Cached<RightUses['typed']>({ ttl: 60 })
  async otherMethod(_id: number): Promise<string> {
    return '';
  }

  // @ts-expect-error there is no such option
  @Cached({ tll: 60 })
  async misspelt(): Promise<void> {}

  // @ts-expect-error there is no such isolation
  @Cached({ isolation: 'none' })
  async isolated(): Promise<void> {}

  // @ts-expect-error a bulk method needs to know the id of an item
  @CachedMany<WrongUses['noId']>({ ttl: 60 })
  async noId(_ids: number[]): Promise<User[]> {
    return [];
  }

  // @ts-expect-error the ids are numbers
  @CachedMany<WrongUses['wrongId']>({ id: (user) => user.name })
  async wrongId(_ids: number[]): Promise<User[]> {
    return [];
  }

  // @ts-expect-error a bulk method takes a list of ids first
  @CachedMany({ id: (user: User) => user.id })
  async noList(_id: number): Promise<User[]> {
    return [];
  }

  @Cached(60)
  // @ts-expect-error the method takes a number
  @InvalidateOn('user.updated', (event: { name: string }) => [event.name])
  async wrongArgument(_id: number): Promise<void> {}

  @Cached(60)
  // @ts-expect-error the method takes one argument
  @InvalidateOn('user.updated', (event: { id: number }) => [event.id, 'en'])
  async tooMany(_id: number): Promise<void> {}

  @CachedMany<WrongUses['bulk']>({ id: (user) => user.id })
  // @ts-expect-error the method takes a list of ids
  @InvalidateOn('user.updated', (event: { id: number }) => [event.id])
  async bulk(_ids: number[]): Promise<User[]> {
    return [];
  }

  // @ts-expect-error an entity is a pair of name and id
  @Invalidates<WrongUses['wrongEntity']>({ entities: (user) => [user.id] })
  async wrongEntity(): Promise<User> {
    return { id: 1, name: 'x' };
  }

  // @ts-expect-error the method returns no promise
  @Invalidates({ clear: true })
  notAsyncEither(): void {}
}

export const mainBackend: CacheModuleOptions = { backend: 'redis', services: { user: { backend: 'dht' } } };
export const backendInDefaults: CacheModuleOptions = {
  // @ts-expect-error the backend of all that name none is `backend` of the module
  defaults: { ttl: 60, backend: 'dht' },
};
