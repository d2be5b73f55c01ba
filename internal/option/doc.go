// Package option reads the forms that options of a Caddyfile have in common, and refuses what is left on a line. Each error
// names the line, the option and what is allowed.
package option
