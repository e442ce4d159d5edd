import { DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import { CacheModule } from 'nestjs-larder';
import { PLATFORMS, startHttpApp } from './http-app.js';

type Operation = NonNullable<OpenAPIObject['paths'][string]['post']>;

describe.each(PLATFORMS)('the invalidation API in Swagger on %s', (platform) => {
  let paths: OpenAPIObject['paths'];

  beforeAll(async () => {
    const app = await startHttpApp(
      platform,
      { imports: [CacheModule.forRoot({ invalidationApi: { logsPath: 'ops/log' }, operations: false })] },
      { configure: (known) => void known.setGlobalPrefix('api') },
    );
    ({ paths } = SwaggerModule.createDocument(app, new DocumentBuilder().build()));
    await app.close();
  });
  const operations = (): [string, Operation][] =>
    Object.entries(paths)
      .filter(([path]) => !path.includes('{scope}'))
      .map(([path, { get, post }]) => [path, (get ?? post)!]);
  const schemaOf = (path: string, status: string): any =>
    (operations().find(([known]) => known === path)![1].responses[status] as any).content['application/json'].schema;

  it('stands under its paths', () => {
    expect(operations().map(([path, { operationId }]) => [path, operationId])).toEqual([
      ['/api/invalidate/key', 'invalidate_key'],
      ['/api/invalidate/pattern', 'invalidate_pattern'],
      ['/api/ops/log', 'audit_logs'],
      ['/api/invalidate/metrics', 'invalidate_metrics'],
    ]);
  });

  it.each([
    ['key', 'keys', ['dry_run', 'keys', 'reason', 'request_id', 'triggered_by']],
    ['pattern', 'pattern', ['cache_keys', 'dry_run', 'pattern', 'reason', 'request_id', 'triggered_by']],
  ])('describes what %s takes', (route, required, fields) => {
    const { requestBody, responses } = paths[`/api/invalidate/${route}`]!.post!;
    const { schema } = (requestBody as any).content['application/json'];
    expect(schema).toMatchObject({ type: 'object', required: [required], additionalProperties: false });
    expect(Object.keys(schema.properties).sort()).toEqual(fields);
    for (const property of Object.values<any>(schema.properties)) {
      expect(property.example ?? property.default).toBeDefined();
    }
    expect(Object.keys(responses)).toEqual(['200', '400', '401', '403', '409', '413', '415', '429', '503']);
  });

  it('describes what is answered, as it is answered', () => {
    expect(schemaOf('/api/invalidate/pattern', '200').oneOf[0].required).toEqual([
      'success',
      'pattern',
      'matched_keys',
      'invalidated_count',
      'request_id',
      'published_at',
    ]);
    expect(schemaOf('/api/ops/log', '200').properties.logs.items.required).toEqual([
      'id',
      'pattern',
      'keys',
      'triggered_by',
      'timestamp',
      'request_id',
      'latency',
    ]);
    expect(Object.keys(schemaOf('/api/invalidate/metrics', '200').properties)).toContain('pattern_invalidation_ratio');
    expect(schemaOf('/api/invalidate/key', '409').required).toEqual(expect.arrayContaining(['code', 'message']));
  });

  it('describes how the log is paged', () => {
    const { parameters } = paths['/api/ops/log']!.get!;
    expect(parameters!.map((parameter) => (parameter as { name: string }).name)).toEqual([
      'limit',
      'offset',
      'before_id',
      'pattern',
    ]);
    expect(parameters![0]).toMatchObject({ in: 'query', required: false, schema: { maximum: 1000, default: 50 } });
  });
});
