package scale

import (
	"fmt"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/caddy-jwt-session/caddy-jwt-session/bench/report"
)

// Title is the title of the table.
const Title = "What many sessions and revocations cost"

// The goals.
const (
	goalNo     = 120 * time.Nanosecond
	goalBytes  = 60
	goalStall  = 20 * time.Millisecond
	goalRevoke = 5 * time.Millisecond
	goalImport = 40_000
	goalDisk   = 160
	goalSlower = 1.5
	goalStart  = 3 * time.Second
)

// Table returns what was measured, with goals beside it.
func (f *Found) Table() report.Table {
	revoked, sessions := number(f.settings.Revoked), number(f.settings.Sessions)
	table := report.Table{
		Title: Title,
		Heads: []string{"what", "measured", "goal", ""},
		Note: fmt.Sprintf("%s sessions and %s revocations of five kinds, where nothing else is said. A start counts from the start of the"+
			" process to the first answer.", sessions, revoked),
	}
	goal := func(what, measured, goal string, met bool) { table.Add(what, measured, goal, report.Met(met)) }
	plain := func(what, measured string) { table.Add(what, measured, report.None, "") }
	b, e := f.blacklist, f.ends
	goal(rowNo, nanos(b.No), nanos(goalNo), b.No <= goalNo)
	plain(rowQuestion, nanos(b.Question))
	goal(rowBytes, fmt.Sprintf("%.0f B", b.Bytes), fmt.Sprintf("%d B", goalBytes), b.Bytes <= goalBytes)
	goal(rowStall, millis(b.StallP99)+", "+millis(b.Stall), millis(goalStall), b.StallP99 <= goalStall)
	plain(rowExpiryCPU, fmt.Sprintf("%.1f s", b.CPU.Seconds()))
	plain(rowLeft, fmt.Sprintf("%.0f MiB", float64(b.Left)/(1<<20)))
	goal(rowRevoke, millis(e.RevokeUser), millis(goalRevoke), e.RevokeUser <= goalRevoke)
	goal(rowFlush, millis(e.Flush), millis(goalRevoke), e.Flush <= goalRevoke)
	goal(rowWriter, millis(e.Writer), millis(goalStall), e.Writer <= goalStall)
	rate := float64(f.settings.Sessions) / f.imported.Seconds()
	goal(rowImport, number(int(rate))+" sessions/s", number(goalImport)+" sessions/s", rate >= goalImport)
	disk := float64(f.bytes) / float64(f.settings.Sessions)
	goal(rowDisk, fmt.Sprintf("%.0f B", disk), fmt.Sprintf("%d B", goalDisk), disk <= goalDisk)
	slower := float64(f.many) / float64(f.few)
	goal(rowHit, fmt.Sprintf("%.2f ×", slower), fmt.Sprintf("%.1f ×", goalSlower), slower <= goalSlower)
	goal(rowStart, fmt.Sprintf("%.1f s", f.start.Seconds()), fmt.Sprintf("%.0f s", goalStart.Seconds()), f.start <= goalStart)
	return table
}

// The rows of the table.
const (
	rowNo        = "“no” about one token id"
	rowQuestion  = "the whole question for one token"
	rowBytes     = "memory of a revocation"
	rowStall     = "all revocations expire: a request takes (p99 of the worst second, longest)"
	rowExpiryCPU = "all revocations expire: CPU"
	rowLeft      = "all revocations expired: memory that stays"
	rowRevoke    = "`RevokeUser`, with as many ends in force"
	rowFlush     = "`Flush`, with as many ends in force"
	rowWriter    = "the longest that another writer waits for these"
	rowImport    = "import by the admin API"
	rowDisk      = "disk for a session"
	rowHit       = "session hit, against a store with a tenth of the sessions"
	rowStart     = "start"
)

// Rows returns the names of the table's rows.
func Rows() []string {
	return []string{
		rowNo, rowQuestion, rowBytes, rowStall, rowExpiryCPU, rowLeft, rowRevoke, rowFlush, rowWriter, rowImport, rowDisk, rowHit, rowStart,
	}
}

func number(n int) string { return humanize.Comma(int64(n)) }

func millis(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
}

func nanos(d time.Duration) string { return fmt.Sprintf("%d ns", d.Nanoseconds()) }
