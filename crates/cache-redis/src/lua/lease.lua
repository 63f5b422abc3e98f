-- Lets one process load a key. KEYS: entry, its lease. ARGV: time to live in ms.
-- Answers the entry where it can be answered from, else 1 granted, 0 taken.
local entry = redis.call('GET', KEYS[1])
if entry and #entry >= 10 and string.byte(entry) == 1 and string.byte(entry, 10) ~= 0 then return entry end
if redis.call('SET', KEYS[2], '', 'NX', 'PX', ARGV[1]) then return 1 end
return 0
