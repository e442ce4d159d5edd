import { CHECK_ERA, CLOCK, SUMMARY, script } from './script.js';
import { STORE } from './setf.script.js';

/**
 * PUT (ctl, log, e, p | era, max log length, message, signature, fresh ms, keep ms, tail) → id, or empty: a newer version stands
 *
 * An explicit `set`: the key is invalidated in the log, so that every L1 copy goes, and the entry is stored stamped with
 * that very position. Fills under way lose their permit. Of concurrent puts the server's order decides.
 */
export const PUT = script(
  'PUT',
  `${CHECK_ERA}${CLOCK}${SUMMARY}${STORE}
local r, refusal = control(KEYS[1], ARGV[1])
if not r then return refusal end
if outdated(KEYS[3], ARGV[7]) then return '' end
local id = append(KEYS[1], KEYS[2], r, ARGV[2], ARGV[3], ARGV[4])
summarise(KEYS[1], 'XX')
redis.call('UNLINK', KEYS[4])
store(KEYS[3], string.sub(r[1], 1, 8) .. id .. string.sub(r[1], 9, 24), tonumber(ARGV[5]), tonumber(ARGV[6]), ARGV[7])
return id`,
);
