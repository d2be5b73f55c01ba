package cookie

import (
	"hash/maphash"
	"slices"
	"sync/atomic"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/remember"
)

const (
	// maxPlaces is how many values are remembered. Of more of them the oldest are forgotten, and not known from then on.
	maxPlaces = 65536
	// maxVariants is how many places are remembered of one value.
	maxVariants = 8
)

// Places remembers in which places the values of session cookies were seen set. Its methods are safe for concurrent use.
//
// A value that was seen set stays in its place where a response only removes it: another client may hold the same value,
// and what that client is told must not decide what the end of this one's session looks like.
//
// Of a value that was never seen set this is learned: where a response removes it for a whole domain, and a later request
// brings it all the same, the browser keeps it elsewhere. For the host alone nothing is learned, since that is where most
// applications keep it.
type Places struct {
	seed   maphash.Seed
	latest atomic.Uint64 // the mark of the last removal
	of     *remember.Memory[uint64, place]
}

// Mark is a place in the order of requests and of removals. The zero value is before all of them.
type Mark uint64

// place is what is known of one value.
type place struct {
	homes   []uint64 // where it was seen set
	isVague bool     // it was seen set in more places than are remembered
	lacking []uint64 // from where it was removed though it was never seen set
	removed Mark     // the last of these removals
}

// NewPlaces returns a memory that knows nothing.
func NewPlaces() *Places {
	return &Places{seed: maphash.MakeSeed(), of: remember.New[uint64, place](maxPlaces)}
}

// Mark returns the present mark. A request takes it when it arrives.
func (p *Places) Mark() Mark { return Mark(p.latest.Load()) }

// value is what a value is named by.
type value struct {
	realm string
	Pair
}

func (p *Places) key(realm string, pair Pair) uint64 {
	return maphash.Comparable(p.seed, value{realm, pair})
}

// Holds says what is known of a value in the realm and of a place. The value came with a request that arrived at the mark.
func (p *Places) Holds(realm string, pair Pair, variant Variant, arrived Mark) Held {
	known, ok := p.of.Get(p.key(realm, pair))
	where := maphash.Comparable(p.seed, variant)
	switch {
	case !ok:
		return Unknown
	case slices.Contains(known.homes, where):
		return Here
	case len(known.homes) > 0 && !known.isVague,
		arrived >= known.removed && slices.Contains(known.lacking, where):
		return Elsewhere
	default:
		return Unknown
	}
}

// Note remembers what the response of the exchange does to the places of values.
func (p *Places) Note(realm string, e Exchange) {
	final := e.final()
	if len(final) == 0 {
		return
	}
	for _, line := range final {
		where := maphash.Comparable(p.seed, line.variant)
		if line.Removes(e.Now) || line.Value == "" {
			for _, pair := range e.holders(line.Name) {
				p.remove(p.key(realm, pair), where, line.variant.Domain != "")
			}
			continue
		}
		var left []uint64 // the places that the response takes the value from
		for _, other := range final {
			if other.Name == line.Name && other.Removes(e.Now) {
				left = append(left, maphash.Comparable(p.seed, other.variant))
			}
		}
		p.set(p.key(realm, Pair{line.Name, line.Value}), where, left)
	}
}

// set notes that the value is in the place, and no longer in those that it left.
func (p *Places) set(key, where uint64, left []uint64) {
	at := p.of.Lock(key)
	defer at.Unlock()
	known, _ := at.Get()
	if len(left) == 0 && slices.Contains(known.homes, where) {
		return
	}
	homes := slices.Clone(known.homes)
	if !slices.Contains(homes, where) {
		homes = append(homes, where)
	}
	if len(homes) > maxVariants {
		homes, known.isVague = homes[1:], true
	}
	homes = slices.DeleteFunc(homes, func(home uint64) bool { return slices.Contains(left, home) })
	at.Put(place{homes: homes, isVague: known.isVague})
}

// remove notes that the place does not hold a value that was never seen set.
func (p *Places) remove(key, where uint64, isOfDomain bool) {
	at := p.of.Lock(key)
	defer at.Unlock()
	known, _ := at.Get()
	if len(known.homes) > 0 || known.isVague || !isOfDomain || slices.Contains(known.lacking, where) {
		return
	}
	lacking := append(slices.Clone(known.lacking), where)
	if len(lacking) > maxVariants {
		lacking = lacking[1:]
	}
	at.Put(place{lacking: lacking, removed: Mark(p.latest.Add(1))})
}
