package option

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/dustin/go-humanize"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/spelling"
)

// Parser reads the forms that options have in common. Each method but Block stands at the option's name when it is
// called, and refuses what is left on the line.
type Parser struct {
	*caddyfile.Dispenser
}

// ErrUnknown is how an option function says that it knows no option of that name.
var ErrUnknown = errors.New("unknown option")

// Block reads the block of a scope. Each of its options but the repeatable ones may stand once. The function reads the option
// that it is called with. Whatever error it returns names that option.
func (o Parser) Block(scope Scope, read func(name string) error, repeatable ...string) error {
	seen := make(map[string]bool)
	for nesting := o.Nesting(); o.NextBlock(nesting); {
		name := o.Val()
		if seen[name] && !slices.Contains(repeatable, name) {
			return o.Errf("%s: %s is given twice", scope.Name, name)
		}
		seen[name] = true
		if o.closesOnLine() {
			return o.Errf("%s: a } stands on a line of its own", name)
		}
		switch err := read(name); {
		case errors.Is(err, ErrUnknown):
			return o.Errf("%s: unknown option %q; want one of %s%s", scope.Name, name, scope.Options, scope.hint(name, scopes))
		case err != nil:
			return Naming(name, err)
		}
		if err := o.noBlockBehind(name); err != nil {
			return err
		}
	}
	return nil
}

// closesOnLine reports whether the option's own line ends with a closing brace, which Caddy takes for an argument.
func (o Parser) closesOnLine() bool {
	for line := o.Here(); line.NextArg(); {
		if line.ValRaw() == "}" {
			return true
		}
	}
	return false
}

// noBlockBehind refuses a block behind an option that has none.
func (o Parser) noBlockBehind(name string) error {
	behind := o.Here()
	if !behind.NextLine() && behind.Next() && behind.Val() == "{" {
		return behind.Errf("%s: unknown option \"{\"; %s takes no block", name, name)
	}
	return nil
}

// Naming returns the error with the option's name before it, unless the error says the name itself.
func Naming(name string, err error) error {
	if err == nil || says(err.Error(), name) {
		return err
	}
	return fmt.Errorf("%s: %w", name, err)
}

// says reports whether the text of an error names the option: where it begins, behind a colon, or as what is wanted.
func says(text, name string) bool {
	return regexp.MustCompile(`(^|: )(want |parsing |the )?` + regexp.QuoteMeta(name) + `([ :,;]|$)`).MatchString(text)
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

// DidYouMean returns the end of an error about a value: the one of the known values that was most likely meant. It is empty
// if none was, or if the value is one of them.
func DidYouMean(typed string, known ...string) string {
	if meant := spelling.Nearest(typed, known); meant != "" && meant != typed {
		return "; did you mean " + meant + "?"
	}
	return ""
}

// Secret reads a text that no error repeats. What is left on the line may be a part of it.
func (o Parser) Secret(into *string) error {
	name := o.Val()
	if arguments := o.RemainingArgs(); len(arguments) == 1 && arguments[0] != "" {
		*into = arguments[0]
		return nil
	}
	return o.Errf("%s: want one value; put quotes around one with spaces", name)
}

// OneOf reads a text that must be one of the known.
func (o Parser) OneOf(into *string, known ...string) error {
	name, wanted := o.Val(), "one of "+strings.Join(known, ", ")
	if err := o.Value(into, wanted); err != nil {
		return err
	}
	if !slices.Contains(known, *into) {
		return o.Errf("%s: %q is not known; want %s%s", name, *into, wanted, DidYouMean(*into, known...))
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

// Words reads texts, none of which is empty.
func (o Parser) Words(into *[]string) error {
	name := o.Val()
	if err := o.Texts(into); err != nil {
		return err
	}
	if slices.Contains(*into, "") {
		return o.Errf("%s: a value is empty", name)
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
