package redisstore

import (
	"context"
	"strconv"

	"github.com/redis/rueidis"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// operation is one write to the journal.
type operation struct {
	script  *script
	how     string // "" for lifts
	entries []blacklist.Entry
	// knows reports whether the copy holds the entries already.
	knows bool
	// lost reports whether the lifts are those that the server has lost.
	lost bool
}

// writing returns the operation that writes entries. See write.lua for how.
func writing(how string, entries []blacklist.Entry) operation {
	return operation{script: writeScript, how: how, entries: entries, knows: how == "restore"}
}

// lifting returns the operation that lifts the entries of these subjects, or tells the server of lifts that it has lost. A lift is
// remembered until it expires.
func lifting(lifts []blacklist.Entry, lost bool) operation {
	return operation{script: liftScript, entries: lifts, knows: lost, lost: lost}
}

// arguments returns what the script takes.
func (o operation) arguments(epoch, signature string, known []uint64) []string {
	arguments := []string{epoch, signature, strconv.Itoa(len(known))}
	for _, place := range known {
		arguments = append(arguments, idOf(place))
	}
	if o.how != "" {
		arguments = append(arguments, o.how)
	}
	for _, entry := range o.entries {
		subject, expires := string(entry.Subject.Bytes()), strconv.FormatInt(seconds(entry.Expires), 10)
		switch {
		case o.how != "":
			arguments = append(arguments, subject, strconv.FormatInt(entry.Second, 10), expires, flagsOf(entry.Subject),
				idOf(entry.At), endedBy(entry.Subject))
		case o.lost:
			arguments = append(arguments, subject, idOf(entry.At), expires)
		default:
			arguments = append(arguments, subject, "", expires)
		}
	}
	return arguments
}

// outcome returns what has become of the subjects by a write at this place. The answer is what the script says about each.
func (o operation) outcome(place uint64, answer []string) ([]change, error) {
	changes := make([]change, 0, len(o.entries))
	if o.how == "" {
		for _, lift := range o.entries {
			if !o.lost {
				lift.At = place
			}
			changes = append(changes, change{entry: lift, lift: true})
		}
		return changes, nil
	}
	if len(answer) != len(o.entries) {
		return nil, errAnswer
	}
	for i, values := range answer {
		if values == "" {
			continue // left out
		}
		entry, _, err := parseEntry(string(o.entries[i].Subject.Bytes()), values)
		if err != nil {
			return nil, err
		}
		changes = append(changes, change{entry: entry})
	}
	return changes, nil
}

// flagsOf returns the flags of the entries for a subject.
func flagsOf(subject blacklist.Subject) string {
	switch subject.Kind() {
	case blacklist.KindUser, blacklist.KindUserEverywhere, blacklist.KindRealm, blacklist.KindAll, blacklist.KindAttribute:
		return flagRaise + flagCommon
	case blacklist.KindWatched, blacklist.KindLifted:
		return flagCommon
	case blacklist.KindEnd, blacklist.KindSession:
		return flagEnds
	default:
		return ""
	}
}

// endedBy returns the bucket and the name of the session that an entry for the subject ends, or "" if there is none.
func endedBy(subject blacklist.Subject) string {
	if flagsOf(subject) != flagEnds {
		return ""
	}
	hash := sessions.Hash(subject.Digest())
	return bucketOf(hash) + nameOf(hash)
}

// runDurably runs a script that writes. If replicas of the server are to have the write as well, it waits for them.
func (r *replica) runDurably(ctx context.Context, script *script, arguments []string) ([]string, error) {
	names := r.client.keys.journal()
	if r.replicas == 0 {
		return r.client.run(ctx, script, names, arguments).AsStrSlice()
	}
	var answer []string
	err := r.client.dedicated(ctx, func(ctx context.Context, server rueidis.DedicatedClient) error {
		var err error
		if answer, err = script.run(ctx, server, names, arguments).AsStrSlice(); err != nil {
			return err
		}
		limit := (r.client.timeout / 2).Milliseconds()
		count, err := server.Do(ctx, server.B().Wait().Numreplicas(int64(r.replicas)).Timeout(limit).Build()).AsInt64()
		if err == nil && count < int64(r.replicas) {
			err = errReplicas
		}
		return err
	})
	return answer, err
}
