package command

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func inspectCommand() *cobra.Command {
	return withJSON(newCommand(details{
		use: "inspect <token>|- [flags]", short: "Explains a token of the gateway's",
		long: `Explains a token line by line, and says what the gateway would refuse it for. The
signature is not checked, since only the gateway has the key: whoever made the token
could write anything into it. The session id in it stays sealed.

The exit code is 1 where the gateway would refuse the token whatever its signature.`,
		example: `  caddy jwt-session inspect - < token
  caddy jwt-session inspect eyJhbGciOi…`,
	}, cobra.ExactArgs(1), inspect))
}

func inspect(c *call) error {
	text, err := readSecret(c.InOrStdin(), c.arguments[0])
	if err != nil {
		return err
	}
	found := explainToken(strings.TrimSpace(text), time.Now())
	if c.is("json") {
		err = c.printJSON(found)
	} else {
		found.print(c)
	}
	if err == nil && len(found.Refused) > 0 {
		return &failure{code: Refused}
	}
	return err
}

// explanation is what can be said of a token without its key.
type explanation struct {
	Form     string `json:"form"`
	Bytes    int    `json:"bytes"`
	Verified bool   `json:"verified"` // never
	Header   []line `json:"header,omitempty"`
	Claims   []line `json:"claims,omitempty"`
	// Signature is how many bytes the signature has.
	Signature int       `json:"signature_bytes,omitempty"`
	Refused   []refused `json:"refused,omitempty"`
}

// line is one member of the header or of the claims.
type line struct {
	Name    string `json:"name"`
	Value   string `json:"value,omitempty"`
	Meaning string `json:"meaning,omitempty"`
}

// refused is one reason why the gateway refuses the token.
type refused struct {
	Reason string `json:"reason"`
	Why    string `json:"why"`
}

func (e *explanation) refuse(reason, format string, arguments ...any) {
	e.Refused = append(e.Refused, refused{Reason: reason, Why: fmt.Sprintf(format, arguments...)})
}

func (e *explanation) print(c *call) {
	c.say("Not verified: whoever made this token could write anything into it.")
	c.say("")
	c.say("Form         %s, %d bytes", e.Form, e.Bytes)
	for _, part := range []struct {
		name  string
		lines []line
	}{{"Header", e.Header}, {"Claims", e.Claims}} {
		for i, line := range part.lines {
			c.say("%s", strings.TrimRight(fmt.Sprintf("%-12s %-10s %s%s", heading(i, part.name), line.Name,
				line.Value, meaning(line)), " "))
		}
	}
	if e.Signature > 0 {
		c.say("Signature    %d bytes, not checked", e.Signature)
	}
	c.say("")
	if len(e.Refused) == 0 {
		c.say("Nothing speaks against it but what only the gateway knows: the signature, whether it was revoked or its\n" +
			"session has ended, and what the route needs.")
		return
	}
	c.say("The gateway refuses it:")
	for _, refused := range e.Refused {
		c.say("  %s (%s)", refused.Why, refused.Reason)
	}
}

func meaning(l line) string {
	if l.Meaning == "" {
		return ""
	}
	if l.Value == "" {
		return l.Meaning
	}
	return "  (" + l.Meaning + ")"
}
