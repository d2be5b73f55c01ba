-- This looks for the keys of a store that are a draft's. It takes a cursor, the pattern of their names, how many keys the server looks
-- at, and whether to remove what is found. It returns the next cursor, and how many it has found.
local kinds = {s = true, b = true, d = true, u = true, p = true}
local names = {live = true, lifted = true, expiries = true, counts = true, facts = true, log = true, origin = true}
local part = redis.call('SCAN', ARGV[2], 'MATCH', ARGV[3], 'COUNT', ARGV[4])
local found = 0
for _, key in ipairs(part[2]) do
  local name = string.sub(key, #prefix + 1)
  if names[name] or string.sub(name, 2, 2) == ':' and kinds[string.sub(name, 1, 1)] then
    found = found + 1
    if ARGV[5] == 'remove' then redis.call('UNLINK', key) end
  end
end
return {part[1], found}
