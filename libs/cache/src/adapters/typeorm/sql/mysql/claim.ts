/** Leases due rows, see `create-claim.ts`. */
export const CLAIM = 'CALL hydracache_claim($1, $2, $3, $4, $5)';
