import { Test } from '@nestjs/testing';
import { CacheModule, MemoryHub, type CacheModuleOptions } from '../../../libs/cache/src/index.js';
import { PrefixIndex, PrefixIndexModule } from '../../../libs/cache/src/nest/prefix/index.js';

const start = (options: CacheModuleOptions) =>
  Test.createTestingModule({ imports: [CacheModule.forRoot(options), PrefixIndexModule.forRoot()] }).compile();

describe('the store of a prefix index', () => {
  it('may be this process where the cache is too', async () => {
    const module = await start({});
    expect(module.get(PrefixIndex)).toBeInstanceOf(PrefixIndex);
    await module.close();
  });

  it('is shared where the backend is, or the application does not start', async () => {
    await expect(start({ backend: new MemoryHub() })).rejects.toMatchObject({
      code: 'LARDER_OPTION_INVALID',
      message: expect.stringContaining('typeormPrefixes'),
    });
  });
});
