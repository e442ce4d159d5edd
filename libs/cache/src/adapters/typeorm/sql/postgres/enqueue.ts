/** Records intents in the transaction it runs in, whatever their number in one statement; see `create-enqueue.ts`. */
export const ENQUEUE = `SELECT * FROM hydracache_enqueue($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`;
