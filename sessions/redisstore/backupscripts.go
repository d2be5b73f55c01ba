package redisstore

import _ "embed" // for the scripts

//go:embed scan.lua
var scanLua string

//go:embed draft.lua
var draftLua string

//go:embed clear.lua
var clearLua string

//go:embed finish.lua
var finishLua string

//go:embed discard.lua
var discardLua string

// All but the second begin with a look at the epoch, or at the draft in its place.
var (
	scanScript    = newRepeatableScript(beginLua + scanLua)
	draftScript   = newScript(draftLua)
	clearScript   = newRepeatableScript(beginLua + clearLua)
	finishScript  = newScript(beginLua + finishLua)
	discardScript = newRepeatableScript(beginLua + discardLua)
)
