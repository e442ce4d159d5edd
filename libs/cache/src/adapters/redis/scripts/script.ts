import { createHash } from 'node:crypto';

/** A Lua script, known to the server by its digest. */
export interface Script {
  readonly name: string;
  readonly lua: string;
  readonly sha: string;
}

/** Error replies of our own scripts, by their first word. */
export const STALE_ERA = 'EPOCH';
export const NO_CONTROL_RECORD = 'NOCTL';
export const NOT_MASTER = 'NOTMASTER';

export function script(name: string, lua: string): Script {
  return { name, lua, sha: createHash('sha1').update(lua).digest('hex') };
}

/** The era check every script makes that reads or writes the control record `c`; ARGV[1] is the caller's era. */
export const CHECK_ERA = `
local function control(c, era, ...)
  local r = redis.call('HMGET', c, 'e', 'l', 'f', ...)
  if not (r[1] and r[2] and r[3]) then return nil, redis.error_reply('${NO_CONTROL_RECORD} the control record is missing') end
  if r[1] ~= era then return nil, redis.error_reply('${STALE_ERA} the log is of another history') end
  return r
end`;

/** Ids of the log's hybrid clock: the server's time, and a count where that stands still or goes back. */
export const CLOCK = `
local function hex(n, width) return string.format('%0' .. width .. 'x', n) end
local function nowms() local t = redis.call('TIME'); return t[1] * 1000 + math.floor(t[2] / 1000) end
local function nextid(l)
  local ms, lms = nowms(), tonumber(string.sub(l, 1, 12), 16)
  if ms > lms then return ms, 0 end
  return lms, tonumber(string.sub(l, 13, 20), 16) + 1
end
local function append(c, log, r, maxlen, message, signature)
  local ms, seq = nextid(r[2])
  local id = hex(ms, 12) .. hex(seq, 8)
  redis.call('XADD', log, 'MAXLEN', '~', maxlen, string.format('%.0f-%.0f', ms, seq),
    'm', message, 'e', r[1], 'v', r[2], 'i', id, 'a', signature)
  redis.call('HSET', c, 'l', id)
  return id
end`;

/**
 * The summary: what of the control record decides whether an entry of the present history is valid, as one string beside it
 * (`control-summary.ts`), so that a read is a plain \`MGET\` of entry and summary. Whoever changes that part of the record
 * writes or drops the summary in the same step; a heartbeat writes one that is missing.
 */
export const SUMMARY = `
local function summary_key(c) return string.sub(c, 1, -4) .. 'sum' end
local function summarise(c, ...)
  local r, none = redis.call('HMGET', c, 'e', 'l', 'f', 'x', 'lt'), string.rep('0', 28)
  redis.call('SET', summary_key(c), r[1] .. r[2] .. r[3] .. (r[4] or none) .. (r[5] or none), ...)
end
local function drop_summary(c) redis.call('UNLINK', summary_key(c)) end`;

/** Who the server is: changes when it restarts, is promoted, or is another one; whether it is a master; and its replicas. */
export const IDENTITY = `
local function identity()
  local info = redis.call('INFO', 'server') .. redis.call('INFO', 'replication')
  return string.match(info, 'run_id:(%x+)') .. ':' .. string.match(info, 'master_replid:(%x+)'),
    string.match(info, 'role:(%a+)') == 'master', info
end`;

/**
 * Starts the control record anew at a floor: everything stamped before it is invalid, so tags, old nonces and a hold need
 * not be kept. The old record is freed in the background, whatever its size.
 */
export const REWRITE = `${SUMMARY}
local function rewrite(c, era, l, floor, rid, shards, keep)
  local replicas = redis.call('HGET', c, 'r') or '0'
  drop_summary(c)
  redis.call('UNLINK', c)
  redis.call('HSET', c, 'e', era, 'l', l, 'f', floor, 'rid', rid, 's', shards or '', 'k', keep or '0', 'r', replicas,
    'a:' .. string.sub(era, 1, 8), string.sub(era, 9, 24))
end`;
