-- Takes a place for one look at an account's password. KEYS: times of wrong ones, places of those under way.
-- ARGV: id of the place, now, the window, the limit, how long a place is held; times in ms.
-- Answers {1} taken, {0} ask again, {2, the oldest wrong one's time} full.
local now, limit = tonumber(ARGV[2]), tonumber(ARGV[4])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - tonumber(ARGV[3]))
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - tonumber(ARGV[5]))
local wrong = redis.call('ZCARD', KEYS[1])
if wrong >= limit then
  return {2, tonumber(redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2])}
end
if wrong + redis.call('ZCARD', KEYS[2]) >= limit then return {0} end
redis.call('ZADD', KEYS[2], now, ARGV[1])
redis.call('PEXPIRE', KEYS[2], ARGV[5])
return {1}
