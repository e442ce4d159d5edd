import { Body, Controller, Get, Param, ParseIntPipe, Post } from '@nestjs/common';
import { ApiBody, ApiTags } from '@nestjs/swagger';
import { OrderService } from './order.service.js';

@ApiTags('orders')
@Controller('customers/:customer/orders')
export class OrderController {
  constructor(private readonly orders: OrderService) {}

  @Get()
  list(@Param('customer') customer: string) {
    return this.orders.ofCustomer(customer);
  }

  @Post()
  @ApiBody({ schema: { example: { productId: 1, quantity: 2 } } })
  place(
    @Param('customer') customer: string,
    @Body('productId', ParseIntPipe) productId: number,
    @Body('quantity', ParseIntPipe) quantity: number,
  ) {
    return this.orders.place(customer, productId, quantity);
  }
}
