-- This stores a file, behind log.lua. The value of a file begins with the place in the log at which it was stored, then a line end.
-- "store" stores new content, and wants the lock that the gateway thinks to have, if any. "restore" stores a whole value that the
-- server may have lost, unless it has that or a later one. It returns the value that the server has now.
local file, lock = KEYS[7], KEYS[8]
local author, what, name, content, token = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local id = following(last())
if what == 'restore' then
  local old = redis.call('GET', file)
  if old and not before(string.match(old, '^(%S+)\n'), string.match(content, '^(%S+)\n')) then return old end
else
  if token ~= '' and redis.call('GET', lock) ~= token then return redis.error_reply('UNLOCKED the lock is over') end
  content = id .. '\n' .. content
end
redis.call('SET', file, content)
add(id, author, 'f', name)
return content
