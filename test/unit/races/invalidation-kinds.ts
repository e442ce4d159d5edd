import { InvalidationIntent } from '../../../libs/cache/src/core/invalidation/intent.js';
import { actionTag, scopeTag } from '../../../libs/cache/src/core/invalidation/tags.js';

/** The tags that every entry of these tests carries. */
export const TAGS = ['t', 'user:1', 'users', scopeTag('user'), actionTag('user', 'get'), actionTag('user', 'many')];

/** An invalidation of every kind that hits the entries of `user:get:1` and `user:many:1`. */
export const KINDS: Readonly<Record<string, readonly InvalidationIntent[]>> = {
  key: [InvalidationIntent.key('user:get:1'), InvalidationIntent.key('user:many:1')],
  tag: [InvalidationIntent.tag('t')],
  entity: [InvalidationIntent.entity('user', 1)],
  collection: [InvalidationIntent.collection('users')],
  'pattern with a prefix': [InvalidationIntent.pattern('get:*', 'user'), InvalidationIntent.pattern('many:*', 'user')],
  'pattern with a suffix': [InvalidationIntent.pattern('*:1', 'user')],
  'regular expression': [InvalidationIntent.pattern('/^(get|many):\\d$/', 'user')],
  'pattern over the namespace': [InvalidationIntent.pattern('user:*')],
  action: [InvalidationIntent.action('user', 'get'), InvalidationIntent.action('user', 'many')],
  'scope clear': [InvalidationIntent.scope('user')],
  flush: [InvalidationIntent.flush()],
};
