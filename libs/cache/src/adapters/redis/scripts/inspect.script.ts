import { VALIDITY } from './getp.script.js';
import { CHECK_ERA, script } from './script.js';

/**
 * INSPECT (ctl | era, number of tags, tag…, head of an entry…) → { x, server ms, ord of each tag or empty…, flags }
 *
 * Judges as GETP does, changes nothing, and says why: per head `v` valid, `t` a tag was invalidated later, `f` older than the
 * floor, `h` of another history.
 */
export const INSPECT = script(
  'INSPECT',
  `${CHECK_ERA}
local c, tags = KEYS[1], tonumber(ARGV[2])
local r, refusal = control(c, ARGV[1], 'h', 'x', 'lt')
if not r then return refusal end
${VALIDITY}
local out, flags = { r[5] or '', now }, {}
for i = 3, 2 + tags do out[#out + 1] = call('HGET', c, 't:' .. ARGV[i]) or '' end
for i = 3 + tags, #ARGV do
  local raw = ARGV[i]
  local ord = stamped(raw)
  local flag = 'h'
  if ord then
    flag = valid(raw, ord, (unpack_('>H', raw, 58))) and 'v' or 't'
  elseif sub(raw, 1, 28) < floor then
    flag = 'f'
  end
  flags[#flags + 1] = flag
end
out[#out + 1] = table.concat(flags)
return out`,
);
