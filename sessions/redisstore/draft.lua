-- This begins a draft: what a backup is restored to before it is a store. KEYS are the names of the draft and of the epoch, and
-- ARGV[1] is what the epoch will be. It returns 1 if there was a draft, which broke off or is overtaken now, and else 0.
if redis.call('EXISTS', KEYS[2]) == 1 then return redis.error_reply('TAKEN there is a store') end
local there = redis.call('EXISTS', KEYS[1])
redis.call('SET', KEYS[1], ARGV[1])
return there
