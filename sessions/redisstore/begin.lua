-- This begins every script that reads or writes sessions. KEYS[1] is the epoch's name, ARGV[1] is the epoch that this gateway
-- has joined. The names of other keys are made from the prefix, which all have in common.
--
-- A record begins with its auth_time (8 bytes), when it expires in seconds (8) and nanoseconds (4), the length of the user (2),
-- the user and the provider's session (32). A sum of 4 bytes is its end.
local prefix = string.sub(KEYS[1], 1, -6)
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return redis.error_reply('EXCHANGED the server holds another store')
end

-- head returns the beginning of a record, or nothing if that is damaged.
local function head(record)
  if not record or #record < 58 then return nil end
  local seconds, nanoseconds, length = struct.unpack('>i8>I4>I2', record, 9)
  if #record < 58 + length then return nil end
  return {
    auth_time = string.sub(record, 1, 8), seconds = seconds, nanoseconds = nanoseconds,
    user = string.sub(record, 23, 22 + length), provider = string.sub(record, 23 + length, 54 + length),
  }
end

-- leading returns the names of the sets that lead to a record by its user and by its provider's session.
local function leading(realm, head)
  local names = {prefix .. 'u:' .. redis.sha1hex(#realm .. ':' .. realm .. head.user)}
  if head.provider ~= string.rep('\0', 32) then
    names[2] = prefix .. 'p:' .. redis.sha1hex(#realm .. ':' .. realm .. head.provider)
  end
  return names
end

-- period returns the field of the counts that a record is counted in: when the server will drop it, in units of ten minutes.
local function period(key)
  local at = redis.call('PEXPIRETIME', key)
  if at < 0 then return 'never' end
  return string.format('%d', math.floor(at / 600000))
end

-- uncount takes a record out of the counts.
local function uncount(key)
  local counts, field = prefix .. 'counts', period(key)
  if redis.call('HINCRBY', counts, field, -1) <= 0 then redis.call('HDEL', counts, field) end
end

-- remove removes a record and all that leads to it.
local function remove(key, realm, name, bucket, record)
  uncount(key)
  redis.call('DEL', key)
  local old = head(record)
  if old then
    for _, set in ipairs(leading(realm, old)) do redis.call('ZREM', set, name) end
  end
  local set = prefix .. 'b:' .. realm .. ':' .. bucket
  redis.call('ZREM', set, name)
  if redis.call('EXISTS', set) == 0 then redis.call('ZREM', prefix .. 'd:' .. realm, bucket) end
end
