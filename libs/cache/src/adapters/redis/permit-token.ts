import { randomBytes } from 'node:crypto';

const OF_THIS_PROCESS = randomBytes(12).toString('base64url');
let made = 0;

/** Never the same twice, in any process. One serves a whole batch, because a permit is looked up by its key. */
export function newToken(): string {
  made += 1;
  return `${OF_THIS_PROCESS}.${made.toString(36)}`;
}
