-- Gives a place back; with the time of the verdict where the password was wrong. KEYS: as in enter.lua.
-- ARGV: id of the place, the window in ms, the time or nothing.
if ARGV[3] ~= '' then
  redis.call('ZADD', KEYS[1], ARGV[3], ARGV[1])
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
redis.call('ZREM', KEYS[2], ARGV[1])
return 1
