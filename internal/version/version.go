// Package version says which version of caddy-jwt-session this is.
package version

import (
	"runtime/debug"
	"slices"
)

// Number is the version of these sources. It ends in -dev between two releases. CHANGELOG.md has a section for it.
const Number = "0.1.0-dev"

// Module is the path of the module that the build information names.
const Module = "github.com/caddy-jwt-session/caddy-jwt-session"

// Build returns what a build knows of the sources that it was made of: the version of the module, or the commit of a clone. It returns
// "" if the build does not know.
func Build(info *debug.BuildInfo) string {
	if info == nil {
		return ""
	}
	if info.Main.Path == Module {
		return commit(info.Settings)
	}
	at := slices.IndexFunc(info.Deps, func(dependency *debug.Module) bool { return dependency.Path == Module })
	if at < 0 {
		return ""
	}
	if replacement := info.Deps[at].Replace; replacement != nil {
		return replacement.Version // none if it is a directory
	}
	return info.Deps[at].Version
}

// commit returns the commit that a clone was at, and whether its files had changed since.
func commit(settings []debug.BuildSetting) string {
	var revision, changed string
	for _, setting := range settings {
		switch {
		case setting.Key == "vcs.revision":
			revision = setting.Value
		case setting.Key == "vcs.modified" && setting.Value == "true":
			changed = " with changes"
		}
	}
	if revision == "" {
		return ""
	}
	return revision + changed
}
