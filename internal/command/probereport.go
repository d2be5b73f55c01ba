package command

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/probe"
)

// showReport prints what a probe found, for people.
func showReport(c *call, report probe.Report) {
	c.say("Realm %s asks GET %s, %s; session cookie %s; page %s", report.Realm, report.URI, report.Rule,
		strings.Join(report.SessionCookies, " and "), report.Page)
	showFinding(c, "Without a cookie", report.Without)
	if report.With != nil {
		with := cookieNames(report.Cookies)
		if with == "" {
			with = "none of the cookies"
		}
		showFinding(c, "With "+with, report.With)
		if len(report.NotSent) > 0 {
			c.say("  %-15s %s", "not sent", cookieNames(report.NotSent))
		}
	}
	if out := report.SignOut; out != nil {
		showFinding(c, fmt.Sprintf("Sign-out, %s %s", out.Method, out.URI), out.Answer)
		showFinding(c, "With the old cookie, afterwards", out.Replay)
	}
	c.say("")
	c.say("%s", report.Verdict.Text)
	if report.Verdict.Line != "" {
		c.say("In the Caddyfile:")
		for line := range strings.Lines(report.Verdict.Line) {
			c.say("    %s", strings.ReplaceAll(strings.TrimSuffix(line, "\n"), "\t", "    "))
		}
	}
}

func showFinding(c *call, title string, found *probe.Finding) {
	c.say("")
	if found.Status == 0 {
		c.say("%s: no answer, %s", title, inMilliseconds(found.Milliseconds))
	} else {
		c.say("%s: %d, %s", title, found.Status, inMilliseconds(found.Milliseconds))
	}
	for _, header := range found.Headers {
		c.say("  %-15s %s", header.Name, header.Value)
	}
	if len(found.Sets) > 0 {
		c.say("  %-15s %s", "sets", cookieNames(found.Sets))
	}
	if found.Status != 0 {
		c.say("  %-15s %s", "may be cached", map[bool]string{true: "yes, for others too", false: "no"}[found.MayBeCached])
	}
	switch {
	case found.Outcome == probe.User:
		c.say("  %-15s the user %s", "means", found.User)
	case found.Outcome == probe.Nobody:
		c.say("  %-15s nobody (%s)", "means", found.Reason)
	case found.Outcome != "":
		c.say("  %-15s nothing that counts (%s)", "means", found.Reason)
	}
	for _, name := range slices.Sorted(maps.Keys(found.Attributes)) {
		c.say("  %-15s %s", "attribute", name+map[bool]string{true: " is there", false: " is not there"}[found.Attributes[name]])
	}
	if found.Error != "" {
		c.say("  %-15s %s", "error", found.Error)
	}
}

func inMilliseconds(milliseconds float64) string { return fmt.Sprintf("%.0f ms", milliseconds) }

// cookieNames names cookies and the lengths of their values.
func cookieNames(cookies []probe.Cookie) string {
	var names []string
	for _, one := range cookies {
		if one.Removed {
			names = append(names, one.Name+" (removed)")
		} else {
			names = append(names, fmt.Sprintf("%s (%d characters)", one.Name, one.Length))
		}
	}
	return strings.Join(names, ", ")
}
