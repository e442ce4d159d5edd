/** Names are short here, and those of all databases of a server are one set. */
const NAME = `SHA2(CONCAT(DATABASE(), ' ', $1), 256)`;

/** Locks of a session by name ($1): whoever holds one loses it with the connection. */
export const TRY_LOCK = `SELECT GET_LOCK(${NAME}, 0) AS won`;

export const UNLOCK = `SELECT RELEASE_LOCK(${NAME}) AS released`;
