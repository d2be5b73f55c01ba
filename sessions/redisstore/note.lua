-- This writes or removes a note. What is "claim" writes it unless there is one, "hold" does the same and also returns 1 if it is
-- there with this value, "put" writes it in the place of any other, and "drop" removes it if it has this value. It returns 1 if
-- the note is as it is to be.
local what, value, life = ARGV[2], ARGV[3], ARGV[4]
if what == 'put' then
  redis.call('SET', KEYS[2], value, 'PX', life)
  return 1
end
local old = redis.call('GET', KEYS[2])
if what == 'drop' then
  if old == value then redis.call('DEL', KEYS[2]) end
  return 1
end
if old then return what == 'hold' and old == value and 1 or 0 end
redis.call('SET', KEYS[2], value, 'PX', life)
return 1
