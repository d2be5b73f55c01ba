-- This returns how many records there are, and forgets the periods that are over.
local time = redis.call('TIME')
local now = math.floor(time[1] * 1000 / 600000)
local counts, total, over = prefix .. 'counts', 0, {}
local fields = redis.call('HGETALL', counts)
for i = 1, #fields, 2 do
  if fields[i] ~= 'never' and tonumber(fields[i]) < now then
    over[#over + 1] = fields[i]
  else
    total = total + tonumber(fields[i + 1])
  end
end
for _, field in ipairs(over) do redis.call('HDEL', counts, field) end
return total
