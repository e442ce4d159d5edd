import { isFromThisMachine } from '../../../libs/cache/src/nest/admin/loopback-request.js';

const asked = (remoteAddress: string | undefined, headers: Record<string, string> = { host: 'localhost:3000' }) => ({
  method: 'POST',
  url: '/user/cache/clear',
  headers,
  socket: { remoteAddress },
});

describe('isFromThisMachine', () => {
  it.each(['127.0.0.1', '127.8.8.8', '::1', '::ffff:127.0.0.1'])('accepts the peer %s', (address) => {
    expect(isFromThisMachine(asked(address))).toBe(true);
    expect(isFromThisMachine({ ...asked(undefined), raw: asked(address) })).toBe(true);
  });

  it.each([
    '10.0.0.7',
    '192.168.1.1',
    '::ffff:10.0.0.7',
    'fe80::1',
    '::1:2',
    '128.0.0.1',
    '127.0.0.1.evil',
    '::ffff:127.0.0.1.2',
    '',
    undefined, // a local socket: what stands behind it may be a proxy
  ])('refuses the peer %s', (address) => {
    expect(isFromThisMachine(asked(address))).toBe(false);
  });

  it.each(['localhost', 'localhost:3000', 'shop.localhost', '127.0.0.1:80', '[::1]:80', 'LOCALHOST'])(
    'accepts the host %s',
    (host) => {
      expect(isFromThisMachine(asked('127.0.0.1', { host }))).toBe(true);
    },
  );

  it.each(['shop.example', 'localhost.example', '127.0.0.1.example', 'notlocalhost', '10.0.0.7:80', ''])(
    'refuses the host %j',
    (host) => {
      expect(isFromThisMachine(asked('127.0.0.1', { host }))).toBe(false);
      expect(isFromThisMachine(asked('127.0.0.1', { ':authority': host }))).toBe(false);
    },
  );

  it('accepts a request without a host, which no browser sends', () => {
    expect(isFromThisMachine(asked('127.0.0.1', {}))).toBe(true);
  });
});
