package ledger

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// TestMintTurns lets requests of three sessions arrive, claim, mint and leave in any order, while time goes by and what is over is
// swept. No two of them mint for a session whose lives overlap, and a request that is alone always mints.
func TestMintTurns(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := &minting{fixture: newFixture(t), last: make(map[sessions.Key]int)}
		defer func() { _ = m.Close() }()
		rt.Repeat(map[string]func(*rapid.T){
			"arrive": m.arrive, "claim": m.tryClaim, "claim more": m.tryClaim, "mint": m.sendToken, "leave": m.leave,
			"tick": func(t *rapid.T) {
				m.advance(time.Duration(rapid.IntRange(0, int(mintClaimTime/time.Second)).Draw(t, "s")) * time.Second)
			},
			"sweep": func(*rapid.T) { m.sweep(ctx) },
			"":      m.check,
		})
	})
}

// requested is a request on its way.
type requested struct {
	key     sessions.Key
	mark    MintMark
	arrived int
	at      time.Time
	claim   *MintClaim // nil: not yet
}

type minting struct {
	*fixture
	step     int
	requests []*requested
	last     map[sessions.Key]int // the step of the last mint
}

func (m *minting) arrive(t *rapid.T) {
	key := keyOf(rapid.SampledFrom([]string{"one", "two", "three"}).Draw(t, "session"))
	m.step++
	m.requests = append(m.requests, &requested{key: key, mark: m.MintMark(), arrived: m.step, at: m.clock()})
}

// pick returns a request that has claimed, or that has not.
func (m *minting) pick(t *rapid.T, claimed bool) *requested {
	var found []*requested
	for _, r := range m.requests {
		if (r.claim != nil) == claimed {
			found = append(found, r)
		}
	}
	if len(found) == 0 {
		t.Skip("there is none")
	}
	return found[rapid.IntRange(0, len(found)-1).Draw(t, "which")]
}

func (m *minting) tryClaim(t *rapid.T) {
	r := m.pick(t, false)
	others := 0
	for _, other := range m.requests {
		if other.key == r.key && other.claim != nil {
			others++
		}
	}
	r.claim = m.ClaimMint(ctx, r.key, r.mark)
	if others == 0 && m.last[r.key] < r.arrived && !r.claim.Holds() {
		t.Error("a request that is alone can't mint")
	}
}

func (m *minting) sendToken(t *rapid.T) {
	r := m.pick(t, true)
	if !r.claim.Holds() {
		return
	}
	// What is older than the memory of it may have been forgotten.
	if m.last[r.key] > r.arrived && m.clock().Sub(r.at) < mintTurnTime {
		t.Errorf("a second token for requests that overlap: arrived at %d, and there was one at %d", r.arrived, m.last[r.key])
	}
	m.step++
	r.claim.Minted(m.clock())
	m.last[r.key] = m.step
	m.remove(r)
}

func (m *minting) leave(t *rapid.T) { m.remove(m.pick(t, true)) }

func (m *minting) remove(gone *requested) {
	gone.claim.Release()
	for i, r := range m.requests {
		if r == gone {
			m.requests = append(m.requests[:i], m.requests[i+1:]...)
			return
		}
	}
}

func (m *minting) check(t *rapid.T) {
	holders := make(map[sessions.Key]int)
	for _, r := range m.requests {
		if r.claim.Holds() {
			holders[r.key]++
		}
	}
	for _, n := range holders {
		if n > 1 {
			t.Errorf("%d requests may mint for one session", n)
		}
	}
}
