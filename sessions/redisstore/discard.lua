-- This ends a draft that comes to nothing.
return redis.call('DEL', KEYS[1])
