-- This writes entries. Its first argument is how: "write", or "prolong" for entries that the gateway had before and that are left
-- out if they were lifted since, or "restore" for such entries that the server may have lost, which also keep their place.
--
-- For each entry it takes the subject, the second, the expiry, the flags, the place by which the gateway knows it, and the bucket and
-- name of the session that ends with it. For each it answers the values that hold now, or "" if it was left out. The flags are:
-- r raises the second to that of the newest session, c concerns more than one session, s ends the session.

-- end_session removes the record of a session that began at or before the second.
local function end_session(subject, session, second)
  local realm, bucket, name = string.sub(subject, 34), string.sub(session, 1, 3), string.sub(session, 4)
  local key = prefix .. 's:' .. realm .. ':' .. name
  local record = redis.call('GET', key)
  local old = head(record)
  if old and struct.unpack('>i8', old.auth_time) <= tonumber(second) then remove(key, realm, name, bucket, record) end
end

local holding, first, known_newest = holds_all(3)
if not holding then return {'behind'} end
local how = ARGV[first]
if how == 'write' and known_newest then -- a write that arrives very late does not undo a lift that came after it
  for i = first + 1, #ARGV, 6 do
    local lift = redis.call('HGET', lifted, ARGV[i])
    local at = lift and string.match(lift, '^(%S+)')
    if at and before(known_newest, at) then return {'later', last()} end
  end
end
local id = following(last())
local changes, common = {}, false
local answer = {'written', id}
local newest = redis.call('HGET', facts, 'latest')

for i = first + 1, #ARGV, 6 do
  local subject, second, expires, flags, known, session = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4], ARGV[i + 5]
  local at, left, same = id, false, false
  local old = redis.call('HGET', live, subject)
  local oldAt, oldChanged
  if how ~= 'write' then
    local lift = redis.call('HGET', lifted, subject)
    left = lift and before(known, string.match(lift, '^(%S+)'))
  end
  if how == 'restore' then at = known end
  if old then
    local oldSecond, oldExpires
    oldSecond, oldExpires, oldAt, oldChanged = string.match(old, '^(%S+) (%S+) (%S+) (%S+)$')
    if less(second, oldSecond) then second = oldSecond end
    if less(expires, oldExpires) then expires = oldExpires end
    if before(at, oldAt) then at = oldAt end
    -- A statement about more than one session is new to every gateway, however short after another one: what was accepted since
    -- that one is not accepted since this one. Its gateway may not have heard of the other.
    if how == 'write' and second == oldSecond and string.find(flags, 'c', 1, true) then
      second = string.format('%.0f', tonumber(second) + 1)
    end
    same = how ~= 'write' and second == oldSecond and expires == oldExpires
  end
  if how == 'write' and string.find(flags, 'r', 1, true) and newest and less(second, newest) then second = newest end
  if left then
    answer[#answer + 1] = ''
  elseif same then
    answer[#answer + 1] = old
  else
    local values = second .. ' ' .. expires .. ' ' .. at
    redis.call('HSET', live, subject, values .. ' ' .. id)
    redis.call('ZADD', expiries, expires, subject)
    changes[#changes + 1] = sized('w', subject, values)
    common = common or string.find(flags, 'c', 1, true)
    if string.find(flags, 's', 1, true) then end_session(subject, session, second) end
    answer[#answer + 1] = values .. ' ' .. id
  end
end

if #changes == 0 then
  answer[2] = '0-0'
  return answer
end
add(id, ARGV[2], 'e', table.concat(changes))
if common then redis.call('HSET', facts, 'common', id) end
return answer
