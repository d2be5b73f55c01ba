package blacklist

import "sync/atomic"

// Parts says which parts of a list have the entries that can be about a token: those of its id, of its session and of its user. It is
// computed once and kept with the token. The zero value names parts, too.
type Parts [3]uint8

// PartsOf returns the parts for a token's id, the end of its session and its user, revoked in a realm.
func PartsOf(token, session, user Subject) Parts {
	return Parts{token.digest[0], session.digest[0], user.digest[0]}
}

// generations counts what comes into force, so that nobody need ask again about what has not changed.
type generations struct {
	base   uint64        // is another one for each list
	common atomic.Uint64 // of entries that may be about a token whatever parts it has
	parts  [shards]atomic.Uint64
}

// lists counts the lists of this process.
var lists atomic.Uint64

// generationBits is how many bits of a generation are counts. The rest is the number of the list.
const generationBits = 44

func newGenerations() generations { return generations{base: lists.Add(1) << generationBits} }

// note notes that an entry for the subject has come into force, or hits more. It is called when questions are answered by that.
func (g *generations) note(subject *Subject) {
	switch subject.kind {
	case KindRealm, KindAll, KindLineage:
		g.common.Add(1)
	default:
		g.parts[subject.digest[0]].Add(1)
	}
}

// of returns a sum of counts that only grow. So it is the same if all of them are, and only then.
func (g *generations) of(parts Parts) uint64 {
	return g.base + g.common.Load() + g.parts[parts[0]].Load() + g.parts[parts[1]].Load() + g.parts[parts[2]].Load()
}
