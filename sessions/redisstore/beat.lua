-- This says that a gateway is there, and cleans up. It takes the epoch, the gateway, what is to be known of it, the newest auth_time
-- that it knows of, for how long the log is kept, for how long expired entries and silent gateways are, all in seconds, and how
-- many entries it drops at most. It answers the newest auth_time, and the time in milliseconds.
local gateways = KEYS[7]
local time = redis.call('TIME')
local now = tonumber(time[1])
local milliseconds = string.format('%.0f', now * 1000 + math.floor(tonumber(time[2]) / 1000))
redis.call('HSET', gateways, ARGV[2], milliseconds .. ' ' .. ARGV[3])

local newest = redis.call('HGET', facts, 'latest')
if ARGV[4] ~= '' and (not newest or less(newest, ARGV[4])) then
  newest = ARGV[4]
  redis.call('HSET', facts, 'latest', newest)
end

redis.call('XTRIM', log, 'MINID', '~', string.format('%.0f-0', math.max(now - tonumber(ARGV[5]), 0) * 1000))
for _, member in ipairs(redis.call('ZRANGEBYSCORE', expiries, '-inf', now - tonumber(ARGV[6]), 'LIMIT', 0, ARGV[8])) do
  if string.sub(member, 1, 1) == '\0' then
    redis.call('HDEL', lifted, string.sub(member, 2))
  else
    redis.call('HDEL', live, member)
  end
  redis.call('ZREM', expiries, member)
end
local all = redis.call('HGETALL', gateways)
for i = 1, #all, 2 do
  local seen = tonumber(string.match(all[i+1], '^%d+') or '0')
  if seen < (now - tonumber(ARGV[7])) * 1000 then redis.call('HDEL', gateways, all[i]) end
end
return {newest or '', milliseconds}
