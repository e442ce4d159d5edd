export { CacheHealthIndicator } from './cache-health-indicator.js';
export type { AuditHealthOptions, OutboxHealthOptions } from './health.options.js';
