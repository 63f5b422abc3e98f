-- Takes pictures away for good. ARGV: now, how long removals are remembered, how many of them; then the places.
for i = 4, #ARGV do
  redis.call('ZADD', gone, 'NX', ARGV[1], ARGV[i])
  if take(ARGV[i]) > 0 then drop(user_of(ARGV[i])) end
end
forget_gone(ARGV[1], ARGV[2], ARGV[3])
return 1
