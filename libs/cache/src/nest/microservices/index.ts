export { CacheMessagesModule } from './cache-messages.module.js';
export type { CacheMessage, CacheMessagesOptions } from './cache-messages.options.js';
