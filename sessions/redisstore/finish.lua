-- This makes a store of the draft. KEYS[2] and KEYS[3] are the names of the epoch and of the id that the store had elsewhere, which
-- ARGV[2] is.
if redis.call('EXISTS', KEYS[2]) == 1 then return redis.error_reply('TAKEN there is a store') end
if ARGV[2] == '' then redis.call('DEL', KEYS[3]) else redis.call('SET', KEYS[3], ARGV[2]) end
redis.call('RENAME', KEYS[1], KEYS[2])
return 1
