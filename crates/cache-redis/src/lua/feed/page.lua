-- A page. ARGV: where it begins, as ZREVRANGEBYLEX takes it; how many, one more than are shown.
-- Answers whether the feed is complete, its floor or nothing, then members and names in turn.
local complete = redis.call('HGET', state, 'complete') and not torn()
local answer = {0, redis.call('HGET', state, 'floor') or ''}
for _, member in ipairs(redis.call('ZREVRANGEBYLEX', order, ARGV[1], '-', 'LIMIT', 0, ARGV[2])) do
  local said = redis.call('HGET', names, user_of(member))
  if said then
    table.insert(answer, member)
    table.insert(answer, said)
  else
    complete = false
  end
end
if complete then answer[1] = 1 end
return answer
