-- This returns the next part of all records. It takes a cursor, the pattern of the names, and how many keys the server looks at. It
-- returns the next cursor, the names and the records.
local part = redis.call('SCAN', ARGV[2], 'MATCH', ARGV[3], 'COUNT', ARGV[4])
local records = {}
for i, name in ipairs(part[2]) do records[i] = redis.call('GET', name) end
return {part[1], part[2], records}
