-- This writes a record, or removes it where the session has expired. It returns 1 if it did, and 0 if there is nothing to
-- update.
local key, live, facts = KEYS[2], KEYS[3], KEYS[4]
local realm, name, bucket = ARGV[2], ARGV[3], ARGV[4]
local record, score, bound = ARGV[5], ARGV[7], ARGV[8]
local expired, lifetime = ARGV[6] == 'expired', tonumber(ARGV[6]) -- in milliseconds, 0 for ever
local update, now_seconds, now_nanoseconds = ARGV[9] == 'update', tonumber(ARGV[10]), tonumber(ARGV[11])
local auth_time, position, subjects = ARGV[12], ARGV[13], tonumber(ARGV[14])

-- Another gateway may have written to the journal what this one has not heard of yet.
local function place(id)
  local milliseconds, number = string.match(id, '^(%d+)-(%d+)$')
  return tonumber(milliseconds), tonumber(number)
end
local known_milliseconds, known_number = place(position)
local function is_later(id)
  local milliseconds, number = place(id)
  return milliseconds > known_milliseconds or milliseconds == known_milliseconds and number > known_number
end
local common = redis.call('HGET', facts, 'common')
if common and is_later(common) then return redis.error_reply('BEHIND of what concerns all sessions') end
local own = {}
for i = 15 + subjects, #ARGV do own[ARGV[i]] = true end
for i = 15, 14 + subjects do
  local entry = redis.call('HGET', live, ARGV[i])
  local id = entry and string.match(entry, '(%S+)$')
  if id and is_later(id) and not own[id] then return redis.error_reply('BEHIND of what concerns the session') end
end

local old_record = redis.call('GET', key)
local old = head(old_record)
if update then
  if not old_record then return 0 end
  if not old then return redis.error_reply('DAMAGED record') end
  local is_over = old.seconds < now_seconds or old.seconds == now_seconds and old.nanoseconds <= now_nanoseconds
  if is_over or old.auth_time ~= string.sub(record, 1, 8) then return 0 end
end
if expired then
  if old_record then remove(key, realm, name, bucket, old_record) end
  return 1
end

local sets = leading(realm, head(record))
if old_record then
  uncount(key)
  for _, set in ipairs(old and leading(realm, old) or {}) do
    if set ~= sets[1] and set ~= sets[2] then redis.call('ZREM', set, name) end
  end
end
if lifetime > 0 then redis.call('SET', key, record, 'PX', ARGV[6]) else redis.call('SET', key, record) end
redis.call('HINCRBY', prefix .. 'counts', period(key), 1)

-- A set lives as long as the records that it leads to.
local function prolong(set, left)
  if lifetime == 0 then
    redis.call('PERSIST', set)
  elseif left == -2 or left >= 0 and left < lifetime then
    redis.call('PEXPIRE', set, ARGV[6])
  end
end
sets[#sets + 1] = prefix .. 'b:' .. realm .. ':' .. bucket
for _, set in ipairs(sets) do
  local left = redis.call('PTTL', set)
  redis.call('ZADD', set, score, name)
  redis.call('ZREMRANGEBYSCORE', set, '-inf', '(' .. bound)
  prolong(set, left)
end
local directory = prefix .. 'd:' .. realm
local left = redis.call('PTTL', directory)
redis.call('ZADD', directory, tonumber(bucket, 16), bucket)
prolong(directory, left)

local latest = redis.call('HGET', facts, 'latest')
if not latest or tonumber(latest) < tonumber(auth_time) then redis.call('HSET', facts, 'latest', auth_time) end
return 1
