import { Controller, Get, Param, ParseIntPipe } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiProperty, DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import { Cached, CachedResponse, CacheModule } from 'nestjs-larder';
import { PLATFORMS, startHttpApp } from './http-app.js';

class Book {
  @ApiProperty()
  id: number;
}

@Controller('books')
class BookController {
  @Get('plain/:id')
  @ApiOperation({ summary: 'one book' })
  @ApiOkResponse({ type: Book })
  async plain(@Param('id', ParseIntPipe) id: number): Promise<Book> {
    return { id };
  }

  @Cached(60)
  @Get('above/:id')
  @ApiOperation({ summary: 'one book' })
  @ApiOkResponse({ type: Book })
  async above(@Param('id', ParseIntPipe) id: number): Promise<Book> {
    return { id };
  }

  @Get('below/:id')
  @ApiOperation({ summary: 'one book' })
  @ApiOkResponse({ type: Book })
  @Cached(60)
  async below(@Param('id', ParseIntPipe) id: number): Promise<Book> {
    return { id };
  }

  @CachedResponse(60)
  @Get('response/:id')
  @ApiOperation({ summary: 'one book' })
  @ApiOkResponse({ type: Book })
  async response(@Param('id', ParseIntPipe) id: number): Promise<Book> {
    return { id };
  }
}

describe.each(PLATFORMS)('Swagger describes a cached handler on %s', (platform) => {
  it('as it would without the cache', async () => {
    const app = await startHttpApp(platform, {
      imports: [CacheModule.forRoot({ admin: false })],
      controllers: [BookController],
    });
    const { paths } = SwaggerModule.createDocument(app, new DocumentBuilder().build());
    await app.close();
    const described = (name: string) => ({ ...paths[`/books/${name}/{id}`]!.get!, operationId: '' });
    expect(described('plain')).toMatchObject({ summary: 'one book', parameters: [{ name: 'id', in: 'path' }] });
    for (const name of ['above', 'below', 'response']) expect(described(name)).toEqual(described('plain'));
  });
});
