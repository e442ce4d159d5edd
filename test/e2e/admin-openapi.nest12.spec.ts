import { Injectable, VersioningType } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import { Cached, CacheModule, CacheScope } from 'nestjs-larder';
import { PLATFORMS, startHttpApp } from './http-app.js';

@CacheScope('user')
@Injectable()
class UserService {
  @Cached(60)
  async getUser(id: number): Promise<number> {
    return id;
  }
}

describe.each(PLATFORMS)('the admin routes in Swagger on %s', (platform) => {
  let paths: OpenAPIObject['paths'];

  beforeAll(async () => {
    const imports = [
      CacheModule.forRoot({ invalidationApi: false, operations: false }),
      CacheModule.forFeature([UserService]),
    ];
    const app = await startHttpApp(
      platform,
      { imports, providers: [UserService] },
      {
        configure: (known) =>
          known.setGlobalPrefix('api').enableVersioning({ type: VersioningType.URI, defaultVersion: '2' }),
      },
    );
    ({ paths } = SwaggerModule.createDocument(app, new DocumentBuilder().build()));
    await app.close();
  });

  it('are listed by scope, and once for all scopes', () => {
    expect(Object.keys(paths).sort()).toEqual([
      '/api/v2/user/cache/clear',
      '/api/v2/user/cache/delete',
      '/api/v2/user/cache/revoke',
      '/api/v2/{scope}/cache/clear',
      '/api/v2/{scope}/cache/delete',
      '/api/v2/{scope}/cache/revoke',
    ]);
  });

  it.each([
    ['delete', 'key'],
    ['revoke', 'pattern'],
  ])('describe what %s takes', (action, field) => {
    const { requestBody, tags, operationId } = paths[`/api/v2/user/cache/${action}`]!.post!;
    expect(requestBody).toMatchObject({
      required: true,
      content: {
        'application/json': {
          schema: { type: 'object', required: [field], properties: { [field]: { type: 'string', minLength: 1 } } },
        },
      },
    });
    expect(tags).toEqual(['cache']);
    expect(operationId).toBe(`user_cache_${action}`);
  });

  it('take no body to clear, and the scope of the path where it is not fixed', () => {
    expect(paths['/api/v2/user/cache/clear']!.post!.requestBody).toMatchObject({ required: false });
    expect(paths['/api/v2/{scope}/cache/clear']!.post!.parameters).toEqual([
      { in: 'path', name: 'scope', required: true, description: expect.any(String), schema: { type: 'string' } },
    ]);
  });

  it('describe what is answered', () => {
    const { responses } = paths['/api/v2/user/cache/revoke']!.post!;
    expect(Object.keys(responses)).toEqual(['200', '400', '401', '403', '404', '413', '415', '429', '503']);
    expect(responses['200']).toMatchObject({
      content: {
        'application/json': { schema: { properties: { invalidated_count: { type: 'integer' }, pattern: {} } } },
      },
    });
    expect(responses['400']).toMatchObject({
      content: { 'application/json': { schema: { required: expect.arrayContaining(['code', 'message']) } } },
    });
  });
});
