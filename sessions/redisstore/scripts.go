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

var (
	putScript    = newScript(beginLua + putLua)
	deleteScript = newScript(beginLua + deleteLua)
	namesScript  = newScript(beginLua + namesLua)
	countScript  = newScript(beginLua + countLua)
)
