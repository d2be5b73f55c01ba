package redisstore

import (
	"context"
	"crypto/sha1"
	_ "embed" // for what every script begins with
	"encoding/hex"
	"errors"
	"strconv"

	"github.com/redis/rueidis"
)

//go:embed timely.lua
var timelyLua string

// script is a Lua script. The server knows it by its hash once it has run it, until it forgets all scripts.
type script struct {
	text, hash string
	// repeatable reports whether the script may be run once more where its answer was lost with the connection.
	repeatable bool
}

func newScript(text string) *script {
	text = timelyLua + text
	hash := sha1.Sum([]byte(text)) // that is what the server names a script by
	return &script{text: text, hash: hex.EncodeToString(hash[:])}
}

func newRepeatableScript(text string) *script {
	script := newScript(text)
	script.repeatable = true
	return script
}

// clockLooks is how often a script is sent that arrives late by the server's clock. That clock may have been set meanwhile.
const clockLooks = 2

// runInTime runs the script. It also runs over a connection of its own, which rueidis' own type does not. The script does nothing
// once ctx is done: a write that the network delivers late has no effect. ctx must have a deadline. The clock is the server's.
func (s *script) runInTime(
	ctx context.Context, clock *serverClock, server rueidis.CommandClient, keys, args []string,
) rueidis.RedisResult {
	deadline, limited := ctx.Deadline()
	if !limited {
		return rueidis.NewErrorResult(errUnlimited)
	}
	until, known := clock.at(deadline)
	for range clockLooks {
		if !known {
			if err := clock.read(ctx, server); err != nil {
				return rueidis.NewErrorResult(err)
			}
			until, _ = clock.at(deadline)
		}
		result := s.run(ctx, server, keys, append(args[:len(args):len(args)], strconv.FormatInt(until.UnixMilli(), 10)))
		if !errors.Is(reason(result.Error()), errLate) {
			return result
		}
		known = false // the server's clock was set, or this is another server
	}
	return rueidis.NewErrorResult(errLate)
}

// run runs the script by its hash, or else by its text.
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
