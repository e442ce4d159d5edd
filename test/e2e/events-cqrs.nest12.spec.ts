import { Injectable } from '@nestjs/common';
import { CqrsModule, EventBus, EventsHandler, type IEventHandler } from '@nestjs/cqrs';
import { Cached, CacheScope, InvalidateOn } from 'nestjs-larder';
import { start } from './mechanics-app.js';

class UserRenamed {
  constructor(readonly id: number) {}
}

class UsersImported {}

@CacheScope('user')
@Injectable()
class UserService {
  calls: number[] = [];

  @Cached(60)
  @InvalidateOn(UserRenamed, (event: UserRenamed) => [event.id])
  @InvalidateOn('UsersImported')
  async getName(id: number): Promise<string> {
    this.calls.push(id);
    return `name of ${id}`;
  }
}

@EventsHandler(UserRenamed)
class Handler implements IEventHandler<UserRenamed> {
  static seen: number[] = [];
  handle(event: UserRenamed): void {
    Handler.seen.push(event.id);
  }
}

it('events of @nestjs/cqrs invalidate by class and by the name of the class, beside their handlers', async () => {
  const { app } = await start({ imports: [CqrsModule.forRoot()], providers: [UserService, Handler] });
  const users = app.get(UserService);
  const bus = app.get(EventBus);
  const readAll = async () => {
    users.calls = [];
    await users.getName(1);
    await users.getName(2);
    return users.calls;
  };
  expect(await readAll()).toEqual([1, 2]);
  await bus.publish(new UserRenamed(1));
  expect(await readAll()).toEqual([1]);
  await bus.publishAll([new UsersImported(), new UserRenamed(1)]);
  expect(await readAll()).toEqual([1, 2]);
  expect(Handler.seen).toEqual([1, 1]);
  await app.close();
  await bus.publish(new UserRenamed(1)); // nobody listens any more, and nothing fails
});
