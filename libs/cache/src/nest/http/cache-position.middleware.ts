import type { IncomingMessage, ServerResponse } from 'node:http';
import { BadRequestException } from '@nestjs/common';
import { describeInput } from '../../core/errors/cache-error.js';
import type { InvalidationLog } from '../../core/coherence/invalidation-log.port.js';
import type { InvalidationEvents } from '../../core/invalidation/invalidation.events.js';
import { caughtUp } from '../catch-up.js';
import type { RequestPositions } from './request-positions.js';

export const POSITION_HEADER = 'x-cache-pos';
const WELL_FORMED = /^[\w.:-]{1,128}$/;

/**
 * A middleware by which a client sees its own writes on every instance (G5): what a request invalidates is answered with
 * its position, and a request that brings a position is not handled before this instance reflects it; where that takes
 * too long, everything the request reads goes past the cache. So does what it reads of a backend beside the main one, whose
 * log knows nothing of the position.
 */
export function cachePositionMiddleware(positions: RequestPositions, log: InvalidationLog, events: InvalidationEvents) {
  events.on('invalidated', ({ position }) => positions.reached(position));

  return async (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void): Promise<void> => {
    const asked = [request.headers[POSITION_HEADER]].flat().join(', ');
    if (asked !== '' && !WELL_FORMED.test(asked)) return next(malformed(asked));
    const behind = asked !== '' && !(await caughtUp(log, asked));
    const reached = (position: string): void => {
      if (!response.headersSent) response.setHeader(POSITION_HEADER, position);
    };
    positions.handle({ placed: asked !== '', behind, reached }, next);
  };
}

function malformed(asked: string): BadRequestException {
  return new BadRequestException({
    statusCode: 400,
    code: 'LARDER_REQUEST_INVALID',
    message: `Expected the header ${POSITION_HEADER} to be a position as an earlier answer gave it, got ${describeInput(asked)}. Send the text of that header unchanged, or leave it out.`,
  });
}
