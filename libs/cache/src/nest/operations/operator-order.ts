import { z } from 'zod';
import { MAX_REASON_LENGTH } from '../admin/admin-request.js';

export const MAX_NAME_LENGTH = 256;

/** What every order of an operator may say of itself. */
export interface OperatorOrder {
  readonly triggered_by?: string | undefined;
  readonly reason?: string | undefined;
}

const PRINTABLE = /^[^\p{Cc}\p{Cs}]+$/u;

export const ORDER_FORM = {
  triggered_by: z.string().max(MAX_NAME_LENGTH).regex(PRINTABLE).optional(),
  reason: z.string().max(MAX_REASON_LENGTH).regex(PRINTABLE).optional(),
};
export const ORDER_FIELDS: Readonly<Record<string, string>> = {
  triggered_by: `1 to ${MAX_NAME_LENGTH} printable characters`,
  reason: `1 to ${MAX_REASON_LENGTH} printable characters`,
};
