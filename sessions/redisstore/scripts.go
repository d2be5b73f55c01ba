package redisstore

import _ "embed" // for the scripts

// What the scripts have in common. A script of another file begins with it if it reads or writes sessions.
//
//go:embed begin.lua
var beginLua string

//go:embed put.lua
var putLua string

//go:embed delete.lua
var deleteLua string

//go:embed names.lua
var namesLua string

//go:embed count.lua
var countLua string

//go:embed note.lua
var noteLua string

// It stands behind the text of log.lua.
//
//go:embed file.lua
var fileLua string

var (
	// putScript may be run once more while its caller waits: what has ended the session meanwhile is what this gateway has not
	// heard of.
	putScript    = newRepeatableScript(beginLua + putLua)
	deleteScript = newScript(beginLua + deleteLua) // the second time it would say that there is no session
	namesScript  = newRepeatableScript(beginLua + namesLua)
	countScript  = newRepeatableScript(beginLua + countLua)
	claimScript  = newScript(beginLua + noteLua) // the second time it would say that there is a note
	noteScript   = newRepeatableScript(beginLua + noteLua)
)
