import {
  Controller,
  Get,
  Header,
  HttpCode,
  Injectable,
  Param,
  ParseIntPipe,
  Query,
  Scope,
  SetMetadata,
  UseGuards,
  UseInterceptors,
  UsePipes,
  type CallHandler,
  type CanActivate,
  type ExecutionContext,
  type INestApplication,
  type NestInterceptor,
  type PipeTransform,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { Cached, CacheActions, CacheModule, CacheScope } from 'nestjs-larder';
import { map } from 'rxjs';
import request from 'supertest';
import { PLATFORMS, startHttpApp } from './http-app.js';

const Roles = (...roles: string[]) => SetMetadata('roles', roles);

/** Reads metadata of the handler, as an application's guards do. */
@Injectable()
class RolesGuard implements CanActivate {
  constructor(private readonly reflector: Reflector) {}

  canActivate(context: ExecutionContext): boolean {
    const roles = this.reflector.get<string[] | undefined>('roles', context.getHandler());
    return roles === undefined || roles.includes(context.switchToHttp().getRequest().headers['x-role']);
  }
}

class Shouting implements PipeTransform {
  transform(value: unknown) {
    return typeof value === 'string' ? value.toUpperCase() : value;
  }
}

class Wrap implements NestInterceptor {
  intercept(_: ExecutionContext, next: CallHandler) {
    return next.handle().pipe(map((data: unknown) => ({ data })));
  }
}

let calls: unknown[] = [];

@CacheScope('book')
@Controller('books')
class BookController {
  @Cached(60)
  @Get('above/:id')
  @Roles('reader')
  @UseGuards(RolesGuard)
  async above(@Param('id', ParseIntPipe) id: number) {
    calls.push(['above', id]);
    return { id };
  }

  @Get('below/:id')
  @Roles('reader')
  @UseGuards(RolesGuard)
  @Cached(60)
  async below(@Param('id', ParseIntPipe) id: number) {
    calls.push(['below', id]);
    return { id };
  }

  @Get('dressed')
  @HttpCode(202)
  @Cached(60)
  @Header('X-Book', 'yes')
  @UsePipes(Shouting)
  @UseInterceptors(Wrap)
  async dressed(@Query('title') title: string) {
    calls.push(['dressed', title]);
    return { title };
  }
}

@CacheScope('scoped_book')
@Controller({ path: 'scoped-books', scope: Scope.REQUEST })
class ScopedController {
  @Get(':id')
  @Cached(60)
  async one(@Param('id') id: string) {
    calls.push(['one', id]);
    return { id };
  }
}

describe.each(PLATFORMS)('@Cached on a controller, on %s', (platform) => {
  let app: INestApplication;

  beforeEach(async () => {
    calls = [];
    app = await startHttpApp(platform, {
      imports: [CacheModule.forRoot()],
      controllers: [BookController, ScopedController],
      providers: [RolesGuard],
    });
  });
  afterEach(() => app.close());

  const get = (path: string) => request(app.getHttpServer()).get(path).set('X-Role', 'reader');

  it.each(['above', 'below'])('works %s the other decorators, behind guards and pipes', async (place) => {
    await get(`/books/${place}/7`).expect(200, { id: 7 });
    await get(`/books/${place}/7`).expect(200, { id: 7 });
    await get(`/books/${place}/8`).expect(200, { id: 8 });
    await get(`/books/${place}/seven`).expect(400);
    await get(`/books/${place}/7`).set('X-Role', 'stranger').expect(403);
    expect(calls).toEqual([
      [place, 7],
      [place, 8],
    ]);
  });

  it('keeps status, headers, pipes and interceptors of the handler', async () => {
    for (let i = 0; i < 2; i++) {
      const { headers } = await get('/books/dressed?title=emma').expect(202, { data: { title: 'EMMA' } });
      expect(headers['x-book']).toBe('yes');
    }
    expect(calls).toEqual([['dressed', 'EMMA']]);
  });

  it('works in a controller made for each request', async () => {
    await get('/scoped-books/1').expect(200, { id: '1' });
    await get('/scoped-books/1').expect(200, { id: '1' });
    expect(calls).toEqual([['one', '1']]);
  });

  it('is emptied by the admin actions and routes', async () => {
    await get('/books/above/7');
    await app.get(CacheActions).for('book').delete('above:7');
    await get('/books/above/7');
    await request(app.getHttpServer()).post('/book/cache/clear').expect(200);
    await get('/books/above/7');
    expect(calls).toHaveLength(3);
  });
});
