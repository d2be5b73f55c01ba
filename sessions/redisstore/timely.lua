-- This begins every script. The last argument says until when the script may run, in milliseconds by the server's clock. Its caller has
-- given up by then, and has perhaps been told of that: what the network delivers later does nothing.
do
  local time = redis.call('TIME')
  if time[1] * 1000 + math.floor(time[2] / 1000) > tonumber(table.remove(ARGV)) then
    return redis.error_reply('LATE as its caller has given up')
  end
end
