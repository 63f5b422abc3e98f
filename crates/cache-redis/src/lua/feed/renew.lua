-- The builder goes on. ARGV: the builder, its lease in ms. Answers 0 where it has been overtaken or the feed has vanished.
if redis.call('HGET', state, 'building') ~= ARGV[1] or torn() then return 0 end
redis.call('SET', lease, ARGV[1], 'PX', ARGV[2])
return 1
