package redisstore

import (
	"context"
	"crypto/sha1"
	"encoding/hex"

	"github.com/redis/rueidis"
)

// script is a Lua script. The server knows it by its hash once it has run it, until it forgets all scripts.
type script struct {
	text, hash string
	// repeatable reports whether the script may be run once more where its answer was lost with the connection.
	repeatable bool
}

func newScript(text string) *script {
	hash := sha1.Sum([]byte(text)) // that is what the server names a script by
	return &script{text: text, hash: hex.EncodeToString(hash[:])}
}

func newRepeatableScript(text string) *script {
	script := newScript(text)
	script.repeatable = true
	return script
}

// run runs the script by its hash, or else by its text. It also runs over a connection of its own, which rueidis' own type
// does not.
func (s *script) run(ctx context.Context, server rueidis.CommandClient, keys, args []string) rueidis.RedisResult {
	send := func(command rueidis.Completed) rueidis.RedisResult {
		if s.repeatable {
			command = command.ToRetryable()
		}
		return server.Do(ctx, command)
	}
	result := send(server.B().Evalsha().Sha1(s.hash).Numkeys(int64(len(keys))).Key(keys...).Arg(args...).Build())
	if failure, ok := rueidis.IsRedisErr(result.Error()); ok && failure.IsNoScript() {
		result = send(server.B().Eval().Script(s.text).Numkeys(int64(len(keys))).Key(keys...).Arg(args...).Build())
	}
	return result
}
