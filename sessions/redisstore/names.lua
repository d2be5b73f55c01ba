-- This returns the names that sets of a realm lead to and that have not expired. If they are few, their records follow.
local realm, since, few = ARGV[2], ARGV[3], tonumber(ARGV[4])
local names = {}
for i = 2, #KEYS do
  for _, name in ipairs(redis.call('ZRANGEBYSCORE', KEYS[i], since, '+inf')) do names[#names + 1] = name end
end
local records = {}
if #names <= few then
  for i, name in ipairs(names) do records[i] = redis.call('GET', prefix .. 's:' .. realm .. ':' .. name) end
end
return {names, records}
