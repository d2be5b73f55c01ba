package ledger

import (
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/remember"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

const (
	// maxSignedOut is the greatest number of sessions in signedOut. Under a flood of cookies that name nothing the least
	// recently used are forgotten, and the application is asked again.
	maxSignedOut = 65536

	// maxRefusals is about the greatest number of sessions in refusals. With more of them the least recently used are
	// forgotten, which are then refused anew.
	maxRefusals = 65536

	// maxGivenIDs is the greatest number of ids in givenIDs. Of an id that was forgotten it is not known which others it led
	// to.
	maxGivenIDs = 65536
)

// refusalTime is how long a refusal is remembered.
const refusalTime = time.Minute

// memories holds what the ledger knows of sessions for a while and may forget.
type memories struct {
	// signedOut holds the sessions that the application lately knew nobody in.
	signedOut negatives
	// refusals holds the sessions in which the application lately named a user who is not accepted there.
	refusals remember.Until[sessions.Key]
	// recentlySet holds the ids that the application lately set.
	recentlySet recentlySet
	// givenIDs holds the sessions to which the application lately gave an id, by the id.
	givenIDs *remember.Memory[sessions.Key, givenID]
	// recordCounts holds how many records users have at most.
	recordCounts recordCounts
	// mintTurns says whose turn it is to mint for a session.
	mintTurns mintTurns
}

func newMemories() memories {
	return memories{
		signedOut:   ownNegatives{remember.NewUntil[sessions.Key](maxSignedOut)},
		refusals:    remember.NewShardedUntil[sessions.Key](maxRefusals), // every request asks
		recentlySet: ownSets{remember.New[sessions.Key, Moment](maxRecentlySet)},
		givenIDs:    remember.New[sessions.Key, givenID](maxGivenIDs),
		mintTurns:   newMintTurns(),

		recordCounts: newRecordCounts(),
	}
}

// givenID is the session with changing ids to which the application gave an id lately, for when the record of that id is
// gone.
type givenID struct {
	Lineage
	ends time.Time // of the session; zero if it is not known
}
