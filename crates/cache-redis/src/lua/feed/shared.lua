-- The recent feed. Every script has these keys, all in one slot of a cluster:
-- order: sorted set, all scores 0, members `<place>|<object key>|<variant>`; a place is 58 hexadecimal digits, of which 13 to 26 are the
--   user's, so that the order of members is that of places;
-- names: hash, user → `<version>\n<first>\n<last>`; counts: hash, user → pictures in `order`;
-- gone: sorted set, places of removed pictures by the time of their removal in ms;
-- state: hash: complete, count (members of `order`), floor, building, trimmed; lease: who builds.
local order, names, counts, gone, state, lease = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]

-- Redis evicts keys one by one where it runs full: what is left is told from the whole by its counts.
local function torn()
  return redis.call('ZCARD', order) ~= tonumber(redis.call('HGET', state, 'count') or '-1')
    or redis.call('HLEN', names) ~= redis.call('HLEN', counts)
end

local function user_of(place) return string.sub(place, 13, 26) end

-- Takes members of a place away: how many there were.
local function take(place)
  return redis.call('ZREMRANGEBYLEX', order, '[' .. place, '[' .. place .. '\255')
end

-- A user has one picture less.
local function drop(user)
  redis.call('HINCRBY', state, 'count', -1)
  if redis.call('HINCRBY', counts, user, -1) <= 0 then
    redis.call('HDEL', counts, user)
    redis.call('HDEL', names, user)
  end
end

local function call_user(user, version, said)
  local there = redis.call('HGET', names, user)
  if not there or tonumber(string.match(there, '^%d+')) <= tonumber(version) then
    redis.call('HSET', names, user, version .. said)
  end
end

local function forget_gone(now, age, most)
  redis.call('ZREMRANGEBYSCORE', gone, '-inf', '(' .. (tonumber(now) - tonumber(age)))
  redis.call('ZREMRANGEBYRANK', gone, 0, -tonumber(most) - 1)
end
