package signout

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-jwt-session/caddy-jwt-session/app"
	"github.com/caddy-jwt-session/caddy-jwt-session/internal/telemetry"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// group holds the blocks of one configuration. What a provider says counts in each of them that accepts it.
type group struct {
	app    *app.App
	blocks []*SignOut
	polls  polls
}

func newGroup(of *app.App) *group {
	g := &group{app: of, polls: newPolls()}
	of.OnCleanup(g.polls.close)
	return g
}

// deliveryTime bounds how long it takes to carry out what came. It goes on when the provider has left.
const deliveryTime = time.Minute

var (
	errRepeated = refusedError{validator.TokenRepeated}
	errUnderWay = errors.New("the same token is being worked on")
)

// deliver verifies what came to a block by a door, and carries it out in all blocks that accept it. When it returns nil, that is
// durable. It returns a [refusedError] for a token that is not accepted, errRepeated for one that was carried out before, and any
// other error if the provider is to send it again.
func (g *group) deliver(ctx context.Context, to *SignOut, door string, verify verifier, text string) (string, error) {
	outcome, err := g.delivered(ctx, to, verify, text)
	telemetry.SignOutsTotal.WithLabelValues(door, outcome).Inc()
	fields := []zap.Field{zap.String("door", door)}
	switch outcome {
	case again:
		if door == telemetry.SignOutByPush || door == telemetry.SignOutByPoll {
			break // events may come more than once
		}
		fallthrough
	case refused:
		to.warn("what a provider sent to sign users out is not accepted", append(fields, zap.Error(err))...)
	case failed:
		telemetry.CountStoreError(err)
		to.warn("signing out what a provider says failed; the provider is to send it again", append(fields, zap.Error(err))...)
	case nobody:
		to.warn("a provider signs somebody out who has no session here; if users do have sessions, check the option map", fields...)
	case signedOut:
		to.logger.Info("signed out by the provider", append(fields, zap.String("realm", to.Realm))...)
	}
	return outcome, err
}

func (g *group) delivered(ctx context.Context, to *SignOut, verify verifier, text string) (string, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), deliveryTime)
	defer cancel()
	said, err := to.verified(ctx, verify, text)
	if _, isRefused := reasonOf(err); isRefused {
		return refused, err
	}
	if err != nil {
		return failed, err
	}
	core, err := g.app.CoreForRequest()
	if err != nil {
		return failed, fmt.Errorf("opening the session store: %w", err)
	}
	key := newTokenKey(to.Issuer, said.id)
	token, known, err := seenTokens.beginEverywhere(ctx, core.Notes(), key, said.expires, g.app.Now())
	switch {
	case err != nil:
		return failed, fmt.Errorf("asking whether the token came before: %w", err)
	case known == repeated:
		return again, errRepeated
	case known != fresh:
		return failed, errUnderWay
	}
	outcome, err := g.carryOut(ctx, core, to, said, verify, text)
	if noted := token.finish(ctx, err == nil, said.expires, g.app.Now()); noted != nil {
		return failed, fmt.Errorf("keeping that the token was carried out: %w", noted)
	}
	return outcome, err
}

// carryOut carries a statement out in the block that it came to, and in the others that accept it.
func (g *group) carryOut(
	ctx context.Context, core *app.Core, to *SignOut, said statement, verify verifier, text string,
) (string, error) {
	outcome := ignored
	for _, block := range g.blocks {
		said := said
		if block != to {
			if block.Issuer != to.Issuer {
				continue
			}
			var err error
			if said, err = block.verified(ctx, verify, text); err != nil {
				if _, isRefused := reasonOf(err); isRefused {
					continue
				}
				return failed, err
			}
		}
		one, err := newSignOuts(block, core.Ledger).carryOut(ctx, said)
		if err != nil {
			return failed, err
		}
		outcome = weightier(outcome, one)
	}
	return outcome, nil
}

// weightier returns the outcome that tells more.
func weightier(one, other string) string {
	for _, outcome := range []string{signedOut, nobody, checked} {
		if one == outcome || other == outcome {
			return outcome
		}
	}
	return ignored
}
