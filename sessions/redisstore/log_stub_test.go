package redisstore

// logLua stands for log.lua until that is there.
const logLua = `
local facts, log = KEYS[2], KEYS[6]
local function split(id)
  local ms, seq = string.match(id, '^(%d+)-(%d+)$')
  return tonumber(ms), tonumber(seq)
end
local function before(a, b)
  local ams, aseq = split(a)
  local bms, bseq = split(b)
  return ams < bms or ams == bms and aseq < bseq
end
local function last() return redis.call('HGET', facts, 'last') or '0-0' end
local function following(id)
  local ms, seq = split(id)
  local time = redis.call('TIME')
  local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
  if now > ms then return string.format('%.0f-0', now) end
  return string.format('%.0f-%d', ms, seq + 1)
end
local function add(id, author, field, value)
  redis.call('XADD', log, id, 'p', last(), 'g', author, field, value)
  redis.call('HSET', facts, 'last', id)
end
`
