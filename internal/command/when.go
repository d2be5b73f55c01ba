package command

import (
	"errors"
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/dustin/go-humanize/english"
)

// duration is the value of a flag. It is written as in a Caddyfile, so it may be days.
type duration time.Duration

// Set implements [pflag.Value].
func (d *duration) Set(text string) error {
	read, err := caddy.ParseDuration(text)
	if err != nil {
		return errors.New("want a duration such as 90s, 8h or 7d")
	}
	*d = duration(read)
	return nil
}

// String implements [pflag.Value].
func (d *duration) String() string { return time.Duration(*d).String() }

// Type implements [pflag.Value].
func (*duration) Type() string { return "duration" }

// ago puts a time into words, seen from now: "3 minutes ago", "in 2 hours".
func ago(at, now time.Time) string {
	if at.IsZero() {
		return "never"
	}
	if at.After(now) {
		return "in " + span(at.Sub(now))
	}
	return span(now.Sub(at)) + " ago"
}

// span puts a duration into words, to the one or two units that matter.
func span(d time.Duration) string {
	units := []struct {
		size time.Duration
		name string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}, {time.Second, "second"}}
	d = d.Round(time.Second)
	for i, unit := range units {
		if d < unit.size {
			continue
		}
		text := plural(int64(d/unit.size), unit.name)
		if rest := d % unit.size; i+1 < len(units) && rest >= units[i+1].size && d/unit.size < 10 {
			text += " " + plural(int64(rest/units[i+1].size), units[i+1].name)
		}
		return text
	}
	return "0 seconds"
}

func plural(count int64, name string) string {
	return english.Plural(int(count), name, "")
}

// brief puts a duration into few characters.
func brief(d time.Duration) string {
	switch {
	case d < 0:
		return "-" + brief(-d)
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	default:
		return fmt.Sprintf("%dd", int(d.Hours()/24))
	}
}
