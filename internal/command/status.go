package command

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"
)

func statusCommand() *cobra.Command {
	return withServer(withJSON(newCommand(details{
		use: "status [flags]", short: "Shows how the gateway and the migration do",
		long: `Shows what the running gateway holds and how requests were let in since it began: the
share of tokens and of sessions, what that saved, what the application said when it
was asked, and the keys.`,
		example: `  caddy jwt-session status
  caddy jwt-session status --json | jq .requests.shares`,
	}, cobra.NoArgs, showStatus)))
}

// status is what the admin API says of the gateway.
type status struct {
	Store struct {
		Engine   string `json:"engine"`
		Location string `json:"location"`
		Answers  bool   `json:"answers"`
		Errors   uint64 `json:"errors"`
	} `json:"store"`
	Counts   map[string]int64 `json:"counts"`
	Keys     []listedKey      `json:"keys"`
	Requests struct {
		Total   uint64             `json:"total"`
		Paths   map[string]uint64  `json:"paths"`
		Shares  map[string]float64 `json:"shares"`
		Reasons map[string]uint64  `json:"reasons"`
	} `json:"requests"`
	LookUps struct {
		Made       uint64  `json:"made"`
		Seconds    float64 `json:"seconds"`
		Saved      uint64  `json:"saved"`
		BytesSaved uint64  `json:"bytes_saved"`
	} `json:"look_ups"`
	Tokens struct {
		Issued          map[string]uint64 `json:"issued"`
		Bytes           float64           `json:"bytes"`
		RenewalsSkipped uint64            `json:"renewals_skipped"`
	} `json:"tokens"`
	Mismatches map[string]uint64 `json:"shadow_mismatches"`
	SignOuts   map[string]uint64 `json:"sign_outs"`
	Realms     map[string]struct {
		Modes  []string `json:"modes"`
		Whoami *struct {
			Outcomes   map[string]uint64 `json:"outcomes"`
			LastReason string            `json:"last_reason"`
			LastTime   time.Time         `json:"last_time"`
		} `json:"whoami"`
	} `json:"realms"`
	Since time.Time `json:"since"`
	Link  *struct {
		Connected    bool      `json:"connected"`
		Answers      bool      `json:"answers"`
		Synced       time.Time `json:"synced"`
		AnswersUntil time.Time `json:"answers_until"`
	} `json:"link"`
	Gateways []struct {
		Host    string    `json:"host"`
		Self    bool      `json:"self"`
		Started time.Time `json:"started"`
		Seen    time.Time `json:"seen"`
		Lag     *float64  `json:"lag"`
	} `json:"gateways"`
}

func showStatus(c *call) error {
	var answer status
	text, err := c.ask(http.MethodGet, "status", nil, &answer)
	if err != nil {
		return err
	}
	if c.is("json") {
		return c.printJSON(text)
	}
	answer.print(c, time.Now())
	return nil
}

func (s status) print(c *call, now time.Time) {
	store := s.Store.Engine + " " + s.Store.Location
	if !s.Store.Answers {
		store += ", does not answer"
	}
	c.say("Store        %s; %s", store, plural(int64(s.Store.Errors), "error"))
	s.printGateways(c, now)
	c.say("Holds        %s, %s, %s in the blacklist", plural(s.Counts["sessions"], "session"),
		plural(s.Counts["revocations"], "revocation"), plural(s.Counts["blacklist"], "entry"))
	if pending := s.Counts["pending"] + s.Counts["undeleted"]; pending > 0 {
		c.say("Waiting      %s that the disk did not take yet", plural(pending, "change"))
	}
	for i, key := range s.Keys {
		c.say("%-12s %s %s, %s, made %s", heading(i, "Keys"), key.ID, key.Algorithm, key.State, when(key.Created, now))
	}
	c.say("")
	c.say("Since        %s", ago(s.Since, now))
	c.say("Requests     %s", humanize.Comma(int64(s.Requests.Total)))
	for _, via := range byCount(s.Requests.Paths) {
		c.say("  %-10s %s %5.1f%%  %s", via, bar(s.Requests.Shares[via]), 100*s.Requests.Shares[via], humanize.Comma(int64(s.Requests.Paths[via])))
	}
	for i, reason := range byCount(s.Requests.Reasons) {
		c.say("%-12s %s %s", heading(i, "Reasons"), reason, humanize.Comma(int64(s.Requests.Reasons[reason])))
	}
	c.say("Look-ups     %s made%s; %s saved, of %s", humanize.Comma(int64(s.LookUps.Made)), s.average(),
		humanize.Comma(int64(s.LookUps.Saved)), humanize.IBytes(s.LookUps.BytesSaved))
	c.say("Tokens       %s, of %.0f bytes; %s skipped", inWords(s.Tokens.Issued), s.Tokens.Bytes,
		plural(int64(s.Tokens.RenewalsSkipped), "renewal"))
	if len(s.Mismatches) > 0 {
		c.say("Mismatches   %s", inWords(s.Mismatches))
	}
	if len(s.SignOuts) > 0 {
		c.say("Sign-outs    %s, by providers", inWords(s.SignOuts))
	}
	names := slices.SortedFunc(maps.Keys(s.Realms), func(a, b string) int {
		// Realms that the configuration names have modes, and come first.
		named := func(name string) int { return min(len(s.Realms[name].Modes), 1) }
		return cmp.Or(cmp.Compare(named(b), named(a)), cmp.Compare(a, b))
	})
	for _, name := range names {
		realm := s.Realms[name]
		c.say("Realm        %s %s", name, strings.Join(realm.Modes, ", "))
		if whoami := realm.Whoami; whoami != nil {
			c.say("  whoami     %s", inWords(whoami.Outcomes))
			if whoami.LastReason != "" {
				c.say("  last no    %s, %s", whoami.LastReason, ago(whoami.LastTime, now))
			}
		}
	}
}

// printGateways lists the gateways that share the store, if there are any.
func (s status) printGateways(c *call, now time.Time) {
	switch {
	case s.Link == nil || s.Link.Connected:
	case s.Link.Synced.IsZero():
		c.say("Cut off      this gateway has never reached the store, and decides no request before it does")
	case s.Link.Answers:
		c.say("Cut off      this gateway knows nothing newer than %s; it stops deciding requests %s (max_stale)",
			ago(s.Link.Synced, now), ago(s.Link.AnswersUntil, now))
	default:
		c.say("Cut off      this gateway knows nothing newer than %s, and decides no request any more (max_stale)", ago(s.Link.Synced, now))
	}
	for i, gateway := range s.Gateways {
		lag, self := "unknown", ""
		if gateway.Lag != nil {
			lag = time.Duration(*gateway.Lag * float64(time.Second)).Round(time.Millisecond).String()
		}
		if gateway.Self {
			self = ", this one"
		}
		c.say("%-12s %s, lag %s, seen %s, started %s%s", heading(i, "Gateways"), gateway.Host, lag, ago(gateway.Seen, now),
			ago(gateway.Started, now), self)
	}
}

// average is how long a look-up takes.
func (s status) average() string {
	if s.LookUps.Made == 0 {
		return ""
	}
	each := time.Duration(s.LookUps.Seconds / float64(s.LookUps.Made) * float64(time.Second))
	return fmt.Sprintf(" (%s each)", each.Round(100*time.Nanosecond))
}

func heading(row int, text string) string {
	if row > 0 {
		return ""
	}
	return text
}

// byCount returns the names, the largest count first.
func byCount(counts map[string]uint64) []string {
	return slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		if counts[a] != counts[b] {
			if counts[a] > counts[b] {
				return -1
			}
			return 1
		}
		return strings.Compare(a, b)
	})
}

// inWords lists counts by name.
func inWords(counts map[string]uint64) string {
	var parts []string
	for _, name := range byCount(counts) {
		parts = append(parts, fmt.Sprintf("%s %s", humanize.Comma(int64(counts[name])), strings.ReplaceAll(name, "_", " ")))
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}

// bar draws a share.
func bar(share float64) string {
	const size = 20
	filled := int(share*size + 0.5)
	return strings.Repeat("█", filled) + strings.Repeat("░", size-filled)
}
