package redisstore

import _ "embed" // for the scripts

// What the scripts of the journal have in common.
//
//go:embed log.lua
var logLua string

//go:embed write.lua
var writeLua string

//go:embed lift.lua
var liftLua string

//go:embed join.lua
var joinLua string

//go:embed beat.lua
var beatLua string

// The scripts of the journal take the keys of [keys.journal]. All but the first begin with a look at the epoch. What a write does
// twice is done as if it came late.
var (
	joinScript  = newRepeatableScript(logLua + joinLua)
	writeScript = newRepeatableScript(beginLua + logLua + writeLua)
	liftScript  = newRepeatableScript(beginLua + logLua + liftLua)
	beatScript  = newRepeatableScript(beginLua + logLua + beatLua)
)

// Words that the scripts answer.
const (
	answerWritten = "written"
	answerLater   = "later"  // the gateway must read first what others have written
	answerBehind  = "behind" // the log does not hold what the gateway knows
)

// The flags of an entry.
const (
	flagRaise  = "r" // its second is at least that of the newest session
	flagCommon = "c" // it is about more than one session
	flagEnds   = "s" // a session ends with it
)
