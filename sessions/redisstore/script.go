package redisstore

import (
	"context"
	"crypto/sha1"
	"encoding/hex"

	"github.com/redis/rueidis"
)

// script is a Lua script. The server knows it by its hash once it has run it, until it forgets all scripts.
type script struct{ text, hash string }

func newScript(text string) *script {
	hash := sha1.Sum([]byte(text)) // that is what the server names a script by
	return &script{text: text, hash: hex.EncodeToString(hash[:])}
}

// run runs the script by its hash, or else by its text. It also runs over a connection of its own, which rueidis' own type
// does not.
func (s *script) run(ctx context.Context, server rueidis.CommandClient, keys, args []string) rueidis.RedisResult {
	result := server.Do(ctx, server.B().Evalsha().Sha1(s.hash).Numkeys(int64(len(keys))).Key(keys...).Arg(args...).Build())
	if failure, ok := rueidis.IsRedisErr(result.Error()); ok && failure.IsNoScript() {
		result = server.Do(ctx, server.B().Eval().Script(s.text).Numkeys(int64(len(keys))).Key(keys...).Arg(args...).Build())
	}
	return result
}
