package jwtsession

import "regexp"

// whoamiLine is where a Caddyfile names a page to ask.
var whoamiLine = regexp.MustCompile(`(?m)^(\s*whoami .*?)(\s*\{)?$`)

// patiently lets every page of a Caddyfile have a minute for its answer. The usual two seconds are real ones, and what a
// machine makes of them that is busy is not tested here: package whoami tests the timeout, by a clock of its own.
func patiently(caddyfile string) string {
	return whoamiLine.ReplaceAllStringFunc(caddyfile, func(line string) string {
		parts := whoamiLine.FindStringSubmatch(line)
		if parts[2] != "" {
			return line + "\n timeout 1m"
		}
		return line + " {\n timeout 1m\n}"
	})
}
