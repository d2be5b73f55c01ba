package redisstore

import (
	"fmt"
	"strconv"
	"strings"
)

// sequenceBits is how many bits of a place hold the number of an entry inside its millisecond.
const sequenceBits = 20

// known is what this gateway knows of the writes of all gateways. It waits for nothing.
type known interface {
	// position returns the place up to which it knows every write.
	position() uint64
	// own returns the places of its own writes that are later than the position. It knows these too.
	own() []uint64
	// lost reports whether the server was lost and not reached again yet. It waits for nothing.
	lost() bool
}

// placeOf returns the place of a stream id, "<milliseconds>-<number>": the milliseconds, then the number.
func placeOf(id string) (uint64, error) {
	first, second, both := strings.Cut(id, "-")
	milliseconds, firstErr := strconv.ParseUint(first, 10, 64-sequenceBits)
	number, secondErr := strconv.ParseUint(second, 10, sequenceBits)
	if !both || firstErr != nil || secondErr != nil {
		return 0, errAnswer
	}
	return milliseconds<<sequenceBits | number, nil
}

// idOf returns the stream id of a place.
func idOf(place uint64) string {
	return fmt.Sprintf("%d-%d", place>>sequenceBits, place&(1<<sequenceBits-1))
}
