import { parseBytes } from './byte-size.js';

/** Bounds of values on their way to and from a shared tier. */
export interface CodecOptions {
  /** Largest encoded value that goes to or comes from a shared tier: bytes, or text with a unit. @default '1mb' */
  maxPayloadBytes?: number | string;
}

/** `CodecOptions` after validation, in bytes. */
export interface ResolvedCodecOptions {
  readonly maxPayloadBytes: number;
}

export const CODEC_DEFAULTS: Readonly<Required<CodecOptions>> = Object.freeze({ maxPayloadBytes: '1mb' });

/** @throws CacheError `LARDER_OPTION_INVALID` naming the field */
export function resolveCodecOptions(options: CodecOptions = {}): ResolvedCodecOptions {
  const maxPayloadBytes = parseBytes(options.maxPayloadBytes ?? CODEC_DEFAULTS.maxPayloadBytes, 'maxPayloadBytes');
  return Object.freeze({ maxPayloadBytes });
}
