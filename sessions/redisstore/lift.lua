-- This lifts entries. For each it takes the subject, the place of the lift, or "" for that of this write, and until when the lift is
-- remembered. A lift that has a place may have been lost by the server. It is left out where it changes nothing.
local holding, first, known_newest = holds_all(3)
if not holding then return {'behind'} end
for i = first, #ARGV, 3 do -- a lift that arrives very late does not undo a write that came after it
  local entry = known_newest and ARGV[i + 1] == '' and redis.call('HGET', live, ARGV[i])
  if entry and before(known_newest, string.match(entry, '(%S+)$')) then return {'later', last()} end
end
local id = following(last())
local changes = {}

for i = first, #ARGV, 3 do
  local subject, at, till = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local lost = at ~= ''
  if not lost then at = id end
  local old = redis.call('HGET', live, subject)
  local goes = true
  if old then
    local oldExpires, oldAt = string.match(old, '^%S+ (%S+) (%S+) %S+$')
    if less(till, oldExpires) then till = oldExpires end
    goes = not before(at, oldAt)
  end
  local known = redis.call('HGET', lifted, subject)
  local changed = not lost or not known or before(string.match(known, '^(%S+)'), at)
  if changed then remember(subject, at, till) end
  if changed and goes then -- else an entry was written after the lift
    redis.call('HDEL', live, subject)
    redis.call('ZREM', expiries, subject)
    changes[#changes + 1] = sized('l', subject, at .. ' ' .. till)
  end
end

if #changes == 0 then return {'written', '0-0'} end
add(id, ARGV[2], 'e', table.concat(changes))
redis.call('HSET', facts, 'common', id)
return {'written', id}
