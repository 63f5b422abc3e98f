-- A user has these names. ARGV: the user, the version, the names.
if redis.call('HEXISTS', counts, ARGV[1]) == 1 then call_user(ARGV[1], ARGV[2], ARGV[3]) end
return 1
