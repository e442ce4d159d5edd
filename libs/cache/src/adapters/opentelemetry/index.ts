export { opentelemetry } from './opentelemetry.js';
export type { OpentelemetryOptions } from './opentelemetry.options.js';
