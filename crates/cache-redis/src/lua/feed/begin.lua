-- Begins to build. ARGV: the builder, its lease in ms. Answers 1, or 0 where another one is at it.
if not redis.call('SET', lease, ARGV[1], 'NX', 'PX', ARGV[2]) then return 0 end
if torn() then
  -- What removals are remembered stays: whoever builds may have read before them.
  redis.call('UNLINK', order, names, counts, state)
  redis.call('HSET', state, 'count', 0)
end
redis.call('HDEL', state, 'trimmed')
redis.call('HSET', state, 'building', ARGV[1])
return 1
