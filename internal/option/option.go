package option

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/dustin/go-humanize"
)

// Parser reads the forms that options have in common. Each method but block stands at the option's name when it is
// called, and refuses what is left on the line.
type Parser struct {
	*caddyfile.Dispenser
}

// ErrUnknown is how an option function says that it knows no option of that name.
var ErrUnknown = errors.New("unknown option")

// Block reads a block of options. Known are their names, for the error that says what is allowed; those that are not in
// repeatable may stand once.
func (o Parser) Block(of, known string, option func(name string) error, repeatable ...string) error {
	seen := make(map[string]bool)
	for nesting := o.Nesting(); o.NextBlock(nesting); {
		name := o.Val()
		if seen[name] && !slices.Contains(repeatable, name) {
			return o.Errf("%s: %s is given twice", of, name)
		}
		seen[name] = true
		switch err := option(name); {
		case errors.Is(err, ErrUnknown):
			return o.Errf("%s: unknown option %q; want one of %s", of, name, known)
		case err != nil:
			return err
		}
	}
	return nil
}

// NoBlock refuses options where there are none.
func (o Parser) NoBlock(of string) error {
	if nesting := o.Nesting(); o.NextBlock(nesting) {
		return o.Errf("%s: unknown option %q; it takes none", of, o.Val())
	}
	return nil
}

// Checked looks at what an option's values mean once they are read, so that the error names the line.
func (o Parser) Checked(readError error, check func() error) error {
	if readError != nil {
		return readError
	}
	if err := check(); err != nil {
		return o.WrapErr(err)
	}
	return nil
}

// End refuses what is left on the line.
func (o Parser) End() error {
	if o.NextArg() {
		return o.Errf("unexpected argument %q", o.Val())
	}
	return nil
}

// Here returns the place of the option, for errors that are found behind it.
func (o Parser) Here() *caddyfile.Dispenser {
	place := *o.Dispenser
	return &place
}

func (o Parser) Text(into *string) error { return o.Value(into, "a value") }

// Value reads a text, of which the error says what is wanted.
func (o Parser) Value(into *string, wanted string) error {
	name := o.Val()
	if !o.Args(into) || *into == "" {
		return o.Errf("%s: want %s", name, wanted)
	}
	return o.End()
}

// OneOf reads a text that must be one of the known.
func (o Parser) OneOf(into *string, known ...string) error {
	name, wanted := o.Val(), "one of "+strings.Join(known, ", ")
	if err := o.Value(into, wanted); err != nil {
		return err
	}
	if !slices.Contains(known, *into) {
		return o.Errf("%s: %q is not known; want %s", name, *into, wanted)
	}
	return nil
}

func (o Parser) Texts(into *[]string) error {
	name := o.Val()
	*into = o.RemainingArgs()
	if len(*into) == 0 {
		return o.Errf("%s: want at least one value", name)
	}
	return nil
}

func (o Parser) OnOff(into *bool) error {
	var text string
	const wanted = "on or off"
	name := o.Val()
	if err := o.Value(&text, wanted); err != nil {
		return err
	}
	if text != "on" && text != "off" {
		return o.Errf("%s %s: want %s", name, text, wanted)
	}
	*into = text == "on"
	return nil
}

func (o Parser) Duration(into *caddy.Duration) error {
	var text string
	const wanted = "a duration above 0, such as 90s, 30m or 7d"
	name := o.Val()
	if err := o.Value(&text, wanted); err != nil {
		return err
	}
	duration, err := caddy.ParseDuration(text)
	if err != nil || duration <= 0 {
		return o.Errf("%s %s: want %s", name, text, wanted)
	}
	*into = caddy.Duration(duration)
	return nil
}

func (o Parser) Number(into *int) error {
	var text string
	const wanted = "a number above 0"
	name := o.Val()
	if err := o.Value(&text, wanted); err != nil {
		return err
	}
	number, err := strconv.Atoi(text)
	if err != nil || number <= 0 {
		return o.Errf("%s %s: want %s", name, text, wanted)
	}
	*into = number
	return nil
}

func (o Parser) Size(into *int64) error {
	var text string
	const wanted = "a size up to 1GiB, such as 64KiB or 1MiB"
	name := o.Val()
	if err := o.Value(&text, wanted); err != nil {
		return err
	}
	size, err := humanize.ParseBytes(text)
	if err != nil || size == 0 || size > 1<<30 {
		return o.Errf("%s %s: want %s", name, text, wanted)
	}
	*into = int64(size)
	return nil
}
