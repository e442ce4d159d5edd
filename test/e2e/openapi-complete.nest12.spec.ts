import { Injectable } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import { Cached, CacheModule, CacheScope } from 'nestjs-larder';
import { startHttpApp } from './http-app.js';

@CacheScope('user')
@Injectable()
class UserService {
  @Cached(60)
  async getUser(id: number): Promise<number> {
    return id;
  }
}

interface Schema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly oneOf?: readonly Schema[];
  readonly additionalProperties?: boolean | Schema;
  readonly example?: unknown;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
}

/** Parts that say neither by themselves nor by what they stand in what they look like: where they are. */
function withoutExample(schema: Schema, where: string): string[] {
  if ('example' in schema || 'default' in schema || 'enum' in schema || schema.type === 'boolean') return [];
  if (schema.oneOf !== undefined) return schema.oneOf.flatMap((each) => withoutExample(each, where));
  if (schema.properties !== undefined) {
    return Object.entries(schema.properties).flatMap(([name, each]) => withoutExample(each, `${where}.${name}`));
  }
  if (schema.items !== undefined) return withoutExample(schema.items, `${where}[]`);
  if (typeof schema.additionalProperties === 'object') return withoutExample(schema.additionalProperties, `${where}.*`);
  return [where];
}

describe('every route for operators in Swagger', () => {
  let operations: [string, any][];

  beforeAll(async () => {
    const app = await startHttpApp('Express', {
      imports: [CacheModule.forRoot(), CacheModule.forFeature([UserService])],
      providers: [UserService],
    });
    const { paths } = SwaggerModule.createDocument(app, new DocumentBuilder().build());
    operations = Object.entries(paths).flatMap(([path, item]) =>
      Object.entries(item).map(([method, operation]): [string, any] => [`${method} ${path}`, operation]),
    );
    await app.close();
  });

  it('is there', () => {
    expect(operations.map(([route]) => route)).toEqual(
      expect.arrayContaining([
        'post /user/cache/clear',
        'post /invalidate/key',
        'get /audit/logs',
        'get /cache/explain',
      ]),
    );
  });

  it('says what it is for, and what its refusals look like', () => {
    for (const [route, { summary, operationId, tags, responses }] of operations) {
      expect([route, summary, operationId, tags]).toEqual([route, expect.any(String), expect.any(String), ['cache']]);
      for (const status of ['401', '403']) {
        expect([route, responses[status].content['application/json'].schema.required]).toEqual([
          route,
          expect.arrayContaining(['code', 'message']),
        ]);
      }
    }
    expect(new Set(operations.map(([, { operationId }]) => operationId)).size).toBe(operations.length);
  });

  it('describes body, parameters and answer, down to examples', () => {
    const missing = operations.flatMap(([route, { requestBody, parameters = [], responses }]) => {
      const body = requestBody?.content['application/json'].schema as Schema | undefined;
      const answer = responses['200'].content['application/json'].schema as Schema;
      const wanting = [
        ...(route.startsWith('post') && body === undefined ? [`${route} body`] : []),
        ...(body === undefined ? [] : withoutExample(body, `${route} body`)),
        ...withoutExample(answer, `${route} 200`),
      ];
      const silent = parameters.filter((each: any) => each.schema?.type === undefined || !each.description);
      return [...wanting, ...silent.map(({ name }: { name: string }) => `${route} ?${name}`)];
    });
    expect(missing).toEqual([]);
  });
});
