import { AsyncLocalStorage } from 'node:async_hooks';

/** How far the request that is being handled has come, as its client sees it. */
export interface PositionedRequest {
  /** True: its client has said how far it has come. */
  readonly placed: boolean;
  /** True: its client has seen more than this instance has applied. */
  readonly behind: boolean;
  /** Told of every invalidation that the request brings about. */
  readonly reached: (position: string) => void;
}

/** The requests being handled that tell, and are told, positions; found by the code below them without being handed on. */
export class RequestPositions {
  private readonly requests = new AsyncLocalStorage<PositionedRequest>();

  /** True for code that must not be answered from the cache: its client would see an older state than it has seen before. */
  behind(): boolean {
    return this.requests.getStore()?.behind === true;
  }

  /** True for code whose client has seen something that the log of another backend than the main one may yet have to tell. */
  placed(): boolean {
    return this.requests.getStore()?.placed === true;
  }

  /** The running code has invalidated, and that stands at this position. */
  reached(position: string): void {
    this.requests.getStore()?.reached(position);
  }

  handle(request: PositionedRequest, next: () => void): void {
    this.requests.run(request, next);
  }
}
