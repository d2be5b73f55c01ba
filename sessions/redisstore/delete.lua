-- This removes a record, and returns 1 if there was one.
local record = redis.call('GET', KEYS[2])
if not record then return 0 end
remove(KEYS[2], ARGV[2], ARGV[3], ARGV[4], record)
return 1
