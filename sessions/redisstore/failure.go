package redisstore

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"strings"

	"github.com/redis/rueidis"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
	"github.com/caddy-jwt-session/caddy-jwt-session/storage/record"
)

var (
	errClosed    = errors.New("the store is closed")
	errNotJoined = errors.New("the server has not been reached yet")
	errExchanged = errors.New("the server was emptied or exchanged")
	errAnswer    = errors.New("the server's answer is not what was asked for")
	errLimit     = errors.New("the limit of a page must be 1 or more")
	errUser      = errors.New("the user id is too long")
	errLost      = errors.New("the connection broke")
	errUnlocked  = errors.New("the lock is over, as it was held for more than a minute")
	errTimeout   = errors.New("the server did not answer in time")
	errLate      = errors.New("what was sent to the server arrived when its time was over, or the server's clock jumps")
	errUnlimited = errors.New("a script has no deadline")
	errAway      = errors.New("the server was lost and has not answered again yet")
	errReplicas  = errors.New("too few replicas of the server have answered in time: see the option replicas")
	errVersion   = errors.New("another gateway has a newer version and has written what this one does not understand: update this one")
)

// plain are the errors that may be told as they are.
var plain = []error{
	errClosed, errNotJoined, errExchanged, errAnswer, errLimit, errUser, errTimeout, errLate, errUnlimited, errAway, errLost, errUnlocked,
	errVersion, errReplicas, errOutOfStep, sessions.ErrBehind, record.ErrDamaged,
	errGap, errNoStore, errTaken, errRemains, errOvertaken, errDraft,
	context.Canceled, context.DeadlineExceeded,
}

// refusal is an error that the server answered. Its text is ours, as the server's may repeat what it was sent.
type refusal struct {
	code string // the first word of the answer, such as "OOM"
	text string
}

func (r *refusal) Error() string { return r.text }

// refusals says what the codes of the server mean.
var refusals = map[string]string{
	"WRONGPASS":   "the server refuses the user name or the password: see the options username and password",
	"NOAUTH":      "the server wants a password: see the options username and password",
	"OOM":         "the server takes no writes, as its memory is full: raise maxmemory",
	"MISCONF":     "the server takes no writes, as it can't save to its disk",
	"READONLY":    "the server is a replica, which takes no writes",
	"MASTERDOWN":  "the server is a replica that has lost its master",
	"NOREPLICAS":  "the server takes no writes, as it has too few replicas: see min-replicas-to-write",
	"LOADING":     "the server is reading its data from its disk",
	"BUSY":        "the server is busy with a script",
	"CLUSTERDOWN": "the cluster is down",
	"TRYAGAIN":    "the cluster is moving the keys",
	"MOVED":       "the keys are on another node of the cluster",
	"WRONGTYPE":   "a key holds something else than the gateway's: give this installation a prefix of its own",
}

// reason returns what may be told of an error: never a key, a value or a password.
func reason(err error) error {
	if err == nil {
		return nil
	}
	for _, known := range plain {
		if errors.Is(err, known) {
			return known
		}
	}
	if later, ok := errors.AsType[*laterError](err); ok {
		return later
	}
	if failure, ok := errors.AsType[*rueidis.RedisError](err); ok {
		return refusalOf(failure)
	}
	if errors.Is(err, rueidis.ErrClosing) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errLost
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return errTimeout
	}
	if secured := tlsReason(err); secured != nil {
		return secured
	}
	if old, ok := errors.AsType[*tooOldError](err); ok {
		return old
	}
	if credential, ok := errors.AsType[*credentialError](err); ok {
		return credential
	}
	if network, ok := errors.AsType[net.Error](err); ok {
		return network // addresses and a reason
	}
	return errAnswer
}

// tlsError is why a connection can't be secured.
type tlsError struct{ text string }

func (e *tlsError) Error() string { return e.text }

// tlsReason returns why a connection can't be secured, or nil if it is something else.
func tlsReason(err error) error {
	if certificate, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return &tlsError{"the server's certificate is not accepted (" + certificate.Err.Error() + "): see the option tls_ca and the host in the URL"}
	}
	if handshake, ok := errors.AsType[*tlsError](err); ok {
		return handshake
	}
	if alert, ok := errors.AsType[*net.OpError](err); ok && alert.Op == "remote error" {
		return &tlsError{"the server refuses the TLS connection (" + alert.Err.Error() +
			"): the gateway shows no certificate, so its tls-auth-clients must be no or optional"}
	}
	return nil
}

// credentialError is why the user name or the password is not known.
type credentialError struct{ text string }

func (e *credentialError) Error() string { return e.text }

// isMisconfigured reports whether the reason is one that only an operator can remove.
func isMisconfigured(why error) bool {
	_, isTLS := errors.AsType[*tlsError](why)
	_, isTooOld := errors.AsType[*tooOldError](why)
	_, isCredential := errors.AsType[*credentialError](why)
	return isTLS || isTooOld || isCredential
}

// refusedCommand finds the command in what a server says that an ACL forbids.
var refusedCommand = regexp.MustCompile(`run the '([a-z|]+)' command`)

func refusalOf(failure *rueidis.RedisError) error {
	if failure.IsNil() {
		return errAnswer
	}
	text := failure.Error()
	code, _, _ := strings.Cut(text, " ")
	switch code { // those of our scripts
	case "EXCHANGED":
		return errExchanged
	case "LATE":
		return errLate
	case "BEHIND":
		return sessions.ErrBehind
	case "DRAFT":
		return errDraft
	case "TAKEN":
		return errTaken
	case "DAMAGED":
		return record.ErrDamaged
	case "UNLOCKED":
		return errUnlocked
	}
	if known, found := refusals[code]; found {
		return &refusal{code, known}
	}
	// An ACL, of which scripts tell with another code. The rest of the text may repeat what was sent.
	command := refusedCommand.FindStringSubmatch(text)
	switch {
	case command != nil:
		return &refusal{code, "the server's ACL does not let the user run the command " + command[1] + ": give him " + neededACL}
	case strings.Contains(text, "access a key"), strings.Contains(text, "access one of the keys"), strings.Contains(text, "access at least one of the keys"):
		return &refusal{code, "the server's ACL does not let the user access the keys of the prefix: give him " + neededACL}
	case code == "NOPERM", strings.Contains(text, "can't run this command"):
		return &refusal{code, "the server's ACL does not let the user run a command of a script: give him " + neededACL}
	default:
		return errAnswer
	}
}

// neededACL is what the user must be allowed. jwt_session stands for the prefix.
const neededACL = "~{jwt_session}:* +@read +@write +@connection -@dangerous +eval +evalsha +info +time +wait +role +cluster|slots +cluster|shards " +
	"(with the option prefix in the place of jwt_session)"

// unavailable returns the error of a method: of the given kind, with what was being done and what may be told. nil stays
// nil, and [sessions.ErrBehind] is no failure of the store.
func unavailable(kind error, doing string, err error) error {
	switch why := reason(err); {
	case why == nil:
		return nil
	case errors.Is(why, sessions.ErrBehind):
		return fmt.Errorf("%s: %w", doing, why)
	default:
		return fmt.Errorf("%s: %w: %w", doing, kind, why)
	}
}
