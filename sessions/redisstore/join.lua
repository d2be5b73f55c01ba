-- This joins the store, or begins one if the server is empty. It takes an epoch for a new store, the signature, and a place that all
-- later writes come behind. It answers the epoch and the place of the last write.
local joined = redis.call('GET', epoch)
if not joined then
  joined = ARGV[1]
  redis.call('SET', epoch, joined)
end
local newest = last()
if newest == '0-0' or before(newest, ARGV[3]) then
  if before(newest, ARGV[3]) then newest = ARGV[3] end
  add(following(newest), ARGV[2], 'e', '')
end
return {joined, last()}
