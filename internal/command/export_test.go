package command

import "time"

// ShortenBench makes the command bench measure little, and quickly.
func ShortenBench() { benchSize.sessions, benchSize.time = 1000, 10*time.Millisecond }
