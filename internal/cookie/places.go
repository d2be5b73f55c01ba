package cookie

import (
	"hash/maphash"
	"slices"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

const (
	// maxPlaces is how many values are remembered. Of more of them the oldest are forgotten, and not known from then on.
	maxPlaces = 65536
	// maxVariants is how many places are remembered of one value.
	maxVariants = 8
)

// Places remembers in which places the values of session cookies were seen set. Its methods are safe for concurrent use.
//
// A value stays in a place that a response only removes it from: another client may hold the same value, and what that
// client is told must not decide what the end of this one's session looks like.
type Places struct {
	seed maphash.Seed

	mu sync.Mutex
	of *simplelru.LRU[uint64, place]
}

// place is what is known of one value.
type place struct {
	homes   []uint64 // where it was seen set
	isVague bool     // it was seen set in more places than are remembered
}

// NewPlaces returns a memory that knows nothing.
func NewPlaces() *Places {
	of, _ := simplelru.NewLRU[uint64, place](maxPlaces, nil) // fails for a size below 1 only
	return &Places{seed: maphash.MakeSeed(), of: of}
}

// value is what a value is named by.
type value struct {
	realm string
	Pair
}

func (p *Places) key(realm string, pair Pair) uint64 {
	return maphash.Comparable(p.seed, value{realm, pair})
}

// Holds returns what is known of a value in the realm and of a place.
func (p *Places) Holds(realm string, pair Pair, variant Variant) Held {
	p.mu.Lock()
	defer p.mu.Unlock()
	known, ok := p.of.Get(p.key(realm, pair))
	switch {
	case !ok:
		return Unknown
	case slices.Contains(known.homes, maphash.Comparable(p.seed, variant)):
		return Here
	case known.isVague:
		return Unknown
	default:
		return Elsewhere
	}
}

// Note remembers in which places the response of the exchange sets values.
func (p *Places) Note(realm string, e Exchange) {
	final := e.final()
	if len(final) == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, line := range final {
		if line.Removes(e.Now) || line.Value == "" {
			continue
		}
		key := p.key(realm, Pair{line.Name, line.Value})
		p.set(key, maphash.Comparable(p.seed, line.variant))
		for _, other := range final {
			if other.Name == line.Name && other.Removes(e.Now) {
				p.move(key, maphash.Comparable(p.seed, other.variant))
			}
		}
	}
}

// move notes that the response which sets the value removes it from another place.
func (p *Places) move(key, from uint64) {
	known, _ := p.of.Get(key)
	homes := slices.DeleteFunc(slices.Clone(known.homes), func(home uint64) bool { return home == from })
	p.of.Add(key, place{homes: homes, isVague: known.isVague})
}

// set notes that the value is in the place.
func (p *Places) set(key, where uint64) {
	known, _ := p.of.Get(key)
	if slices.Contains(known.homes, where) {
		return
	}
	homes := append(slices.Clone(known.homes), where)
	if len(homes) > maxVariants {
		homes, known.isVague = homes[1:], true
	}
	p.of.Add(key, place{homes: homes, isVague: known.isVague})
}
