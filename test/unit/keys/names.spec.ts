import { assertName, defaultScopeName, snakeCase } from '../../../libs/cache/src/core/keys/names.js';

describe('names of scopes and actions', () => {
  it.each([
    ['UserService', 'user'],
    ['OrderItemService', 'order_item'],
    ['Service', 'service'],
    ['Catalogue', 'catalogue'],
    ['HTTPClientService', 'http_client'],
    ['UserV2Service', 'user_v2'],
    ['S3Service', 's3'],
    ['ServiceDesk', 'service_desk'],
    ['UserServiceService', 'user_service'],
  ])('takes the scope of %s to be %s', (className, scope) => {
    expect(defaultScopeName(className)).toBe(scope);
  });

  it('leaves snake_case as it is', () => {
    expect(snakeCase('get_user_2')).toBe('get_user_2');
  });

  it.each(['get_user', 'getUser', 'v1.find-all', '_private', '2fa', 'h', 'constructor', '__proto__', 'a'.repeat(128)])(
    'accepts %s',
    (name) => {
      expect(() => assertName('action', name)).not.toThrow();
    },
  );

  it.each([
    '',
    'a:b',
    'a%b',
    'a b',
    '-a',
    '.',
    '..',
    'größe',
    '$load',
    'a\n',
    'a'.repeat(129),
    undefined,
    42,
    Symbol('x'),
  ])('refuses %p', (name) => {
    expect(() => assertName('action', name)).toThrow(expect.objectContaining({ code: 'LARDER_KEY_INVALID' }));
  });

  it('says what to do about a class without a usable name', () => {
    expect(() => defaultScopeName('')).toThrow(/got "" \(string\).*@CacheScope\('orders'\)/);
    expect(() => assertName('action', '$load')).toThrow(
      /action name.*got "\$load".*@Cached\(\{ name: 'find_orders' \}\)/,
    );
  });
});
