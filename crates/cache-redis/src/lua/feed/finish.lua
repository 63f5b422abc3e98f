-- The feed is complete down to a place. ARGV: the builder, the place or nothing. Answers as renew.lua.
if redis.call('HGET', state, 'building') ~= ARGV[1] or torn() then return 0 end
local floor, trimmed = ARGV[2], redis.call('HGET', state, 'trimmed') or ''
if trimmed > floor then floor = trimmed end
redis.call('HSET', state, 'complete', 1, 'floor', floor)
redis.call('HDEL', state, 'building', 'trimmed')
redis.call('DEL', lease)
return 1
