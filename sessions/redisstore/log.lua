-- This begins every script of the journal. The names of its keys are KEYS[1] to KEYS[6]. Each script writes at most one entry to
-- the log. A write takes the epoch, the signature, and the places that the gateway knows: how many, and the id of each. It
-- answers "behind" if the log does not hold all of them, "later" and the id of the last write if others have written what the
-- gateway must know first, and else "written", the id of its entry, and more. The id is 0-0 if there was nothing to write.
local epoch, facts, live, lifted, expiries, log = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]

-- split returns both numbers of an id.
local function split(id)
  local ms, seq = string.match(id, '^(%d+)-(%d+)$')
  return tonumber(ms), tonumber(seq)
end

local function before(a, b)
  local ams, aseq = split(a)
  local bms, bseq = split(b)
  return ams < bms or ams == bms and aseq < bseq
end

-- less compares integers exactly, which numbers of Lua do not.
local function less(a, b)
  local na, nb = string.sub(a, 1, 1) == '-', string.sub(b, 1, 1) == '-'
  if na ~= nb then return na end
  if na then a, b = string.sub(b, 2), string.sub(a, 2) end
  if #a ~= #b then return #a < #b end
  return a < b
end

local function last() return redis.call('HGET', facts, 'last') or '0-0' end

-- following returns an id behind the given one: of this millisecond if that is later.
local function following(id)
  local ms, seq = split(id)
  local time = redis.call('TIME')
  local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
  if now > ms then return string.format('%.0f-0', now) end
  if seq >= 1000000 then return string.format('%.0f-0', ms + 1) end
  return string.format('%.0f-%d', ms, seq + 1)
end

-- add adds an entry with one more field: e for changes, f for the name of a file.
local function add(id, author, field, value)
  redis.call('XADD', log, id, 'p', last(), 'g', author, field, value)
  redis.call('HSET', facts, 'last', id)
end

-- sized returns a change as the log has it.
local function sized(kind, subject, values)
  return kind .. struct.pack('>I4', #subject) .. subject .. string.char(#values) .. values
end

-- holds says whether the log holds all writes up to this one.
local function holds(id)
  local newest = last()
  if id == newest then return true end
  return before(id, newest) and #redis.call('XRANGE', log, id, id) == 1
end

-- holds_all says whether the log holds the writes that ARGV names from here on: their number, then the id of each. It also
-- returns where what follows them begins, and the newest of them, or nothing if there are none.
local function holds_all(from)
  local count, newest = tonumber(ARGV[from]), nil
  for i = from + 1, from + count do
    if not holds(ARGV[i]) then return false end
    if not newest or before(newest, ARGV[i]) then newest = ARGV[i] end
  end
  return true, from + count + 1, newest
end

-- remember keeps a lift, unless a later one is known.
local function remember(subject, at, till)
  local old = redis.call('HGET', lifted, subject)
  if old then
    local oldAt, oldTill = string.match(old, '^(%S+) (%S+)$')
    if before(at, oldAt) then at = oldAt end
    if less(till, oldTill) then till = oldTill end
  end
  redis.call('HSET', lifted, subject, at .. ' ' .. till)
  redis.call('ZADD', expiries, till, '\0' .. subject)
end
