import { hashPartsHex } from '../hash/length-prefixed-hash.js';

const DOMAIN = 'hydracache-outbox-row-id-v1';

/**
 * Id of the row that one target has in one commit: the same wish, recorded twice in a transaction by whatever way, is one
 * row (REQ-004-11).
 *
 * @param targetHashHex hash of the target as 64 hex digits; the text is hashed, not the bytes it stands for
 */
export function outboxRowId(namespace: string, commitPosition: string, targetHashHex: string): string {
  return hashPartsHex(DOMAIN, namespace, commitPosition, targetHashHex);
}
