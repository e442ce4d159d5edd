import { BadRequestException, Body, Controller, Get, Param, ParseIntPipe, Post, Put, Query } from '@nestjs/common';
import { ApiBody, ApiQuery, ApiTags } from '@nestjs/swagger';
import { EventEmitter2 } from '@nestjs/event-emitter';
import type { Product } from './product.entity.js';
import { ProductService } from './product.service.js';

@ApiTags('catalogue')
@Controller('products')
export class ProductController {
  constructor(
    private readonly products: ProductService,
    private readonly events: EventEmitter2,
  ) {}

  @Get()
  @ApiQuery({ name: 'text', required: false })
  @ApiQuery({ name: 'category', required: false })
  search(@Query('text') text?: string, @Query('category') category?: string) {
    return this.products.search({
      ...(text === undefined ? {} : { text }),
      ...(category === undefined ? {} : { category }),
    });
  }

  @Get('categories')
  categories() {
    return this.products.categories();
  }

  @Get('by-ids')
  byIds(@Query('ids') ids = '') {
    const numbers = ids.split(',').map(Number);
    if (numbers.some((id) => !Number.isInteger(id) || id < 1)) {
      throw new BadRequestException(`Expected \`ids\` to be product ids such as 1,2,3; got ${JSON.stringify(ids)}.`);
    }
    return this.products.byIds(numbers);
  }

  @Get(':id')
  one(@Param('id', ParseIntPipe) id: number) {
    return this.products.getProduct(id);
  }

  @Put(':id/price')
  @ApiBody({ schema: { properties: { priceCents: { type: 'integer' } } } })
  async setPrice(@Param('id', ParseIntPipe) id: number, @Body('priceCents', ParseIntPipe) priceCents: number) {
    const product = await this.products.setPrice(id, priceCents);
    await this.events.emitAsync('price.changed', { id });
    return product;
  }

  @Post()
  @ApiBody({ schema: { example: { name: 'Jam', category: 'pantry', priceCents: 390, stock: 12 } } })
  add(@Body() product: Omit<Product, 'id'>) {
    const { name, category, priceCents, stock } = product;
    return this.products.add({ name, category, priceCents, stock });
  }
}
