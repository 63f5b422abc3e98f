-- Shows pictures. ARGV: now, how long removals are remembered, how many of them, most pictures; then of each picture its place, the
-- rest of its member, the version of its names, the names.
forget_gone(ARGV[1], ARGV[2], ARGV[3])
for i = 5, #ARGV, 4 do
  local place = ARGV[i]
  if not redis.call('ZSCORE', gone, place) then
    local user = user_of(place)
    if take(place) == 0 then
      redis.call('HINCRBY', counts, user, 1)
      redis.call('HINCRBY', state, 'count', 1)
    end
    redis.call('ZADD', order, 0, place .. ARGV[i + 1])
    call_user(user, ARGV[i + 2], ARGV[i + 3])
  end
end
for _ = tonumber(ARGV[4]) + 1, redis.call('ZCARD', order) do
  local place = string.sub(redis.call('ZPOPMIN', order)[1], 1, 58)
  drop(user_of(place))
  for _, field in ipairs({'floor', 'trimmed'}) do
    if place > (redis.call('HGET', state, field) or '') then redis.call('HSET', state, field, place) end
  end
end
return 1
