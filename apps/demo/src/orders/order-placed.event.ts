/** An order was written; published on the event bus of `@nestjs/cqrs`. */
export class OrderPlaced {
  constructor(
    readonly orderId: number,
    readonly productId: number,
    readonly customer: string,
  ) {}
}
