// Package blacklisttest holds what every [blacklist.Journal] must pass, and a journal in memory for tests of what stands
// above a journal.
package blacklisttest
