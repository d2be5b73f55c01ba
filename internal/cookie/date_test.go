package cookie

import (
	"net/http"
	"testing"
	"time"
)

func TestDateIsReadAsBrowsersDo(t *testing.T) {
	epoch := time.Unix(0, 0).UTC()
	for text, want := range map[string]time.Time{
		"Thu, 01 Jan 1970 00:00:00 GMT":           epoch,
		"thu, 01 jan 1970 00:00:00 gmt":           epoch,
		"Thu, 01-Jan-70 00:00:00 GMT":             epoch,
		"Thu, 1-Jan-1970 0:0:0 GMT":               epoch,
		"Thursday, 01-Jan-70 00:00:00 GMT":        epoch,
		"Thu Jan  1 00:00:00 1970":                epoch,
		"Thu, 01 Jan 1970 00:00:00":               epoch,
		"Thu, 01 January 1970 00:00:00 UTC":       epoch,
		"Thu, 01 Jan 1970 00:00:00 +0000":         epoch,
		"Thu Jan 01 1970 00:00:00 GMT+0000 (UTC)": epoch,
		"Thu, 01 Jan 1970 00:00:00.000 GMT":       epoch,
		"01 Jan 1970 00:00:00 GMT, and more":      epoch,
		"Mon, 01-Jan-1601 00:00:00 GMT":           time.Date(1601, 1, 1, 0, 0, 0, 0, time.UTC),
		"Wed, 31 Dec 69 23:59:59 GMT":             time.Date(2069, 12, 31, 23, 59, 59, 0, time.UTC),
		"29 Feb 2096 12:34:56":                    time.Date(2096, 2, 29, 12, 34, 56, 0, time.UTC),
	} {
		if date, ok := parseDate(text); !ok || !date.Equal(want) {
			t.Errorf("%q: %v, %v, want %v", text, date, ok, want)
		}
	}
}

func FuzzParseDate(f *testing.F) {
	for _, seed := range []string{"Thu, 01 Jan 1970 00:00:00 GMT", "1:2:3x 4 febr 99", "31-12-2026 23:59:59", "::", "\xff 1 Jan"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		date, ok := parseDate(text)
		if !ok {
			return
		}
		if again, ok := parseDate(date.Format(http.TimeFormat)); !ok || !again.Equal(date) || date.Year() < 1601 {
			t.Errorf("%q is %v, which is read as %v, %v", text, date, again, ok)
		}
	})
}

func TestDateThatIsNone(t *testing.T) {
	for _, text := range []string{
		"", "0", "-1", "now", "Thu, 01 Jan 1970", "Thu, 01 Jan 00:00:00", "Thu, 01 1970 00:00:00", "Jan 1970 00:00:00",
		"Thu, 01 Jan 1970 24:00:00 GMT", "Thu, 01 Jan 1970 00:60:00 GMT", "Thu, 01 Jan 1970 00:00:60 GMT",
		"Thu, 32 Jan 1970 00:00:00 GMT", "Thu, 00 Jan 1970 00:00:00 GMT", "Mon, 30 Feb 2026 00:00:00 GMT",
		"Mon, 01 Jan 1600 00:00:00 GMT", "Mon, 01 Jan 19700 00:00:00 GMT", "Thu, 01 Jan 1970 00:00 GMT",
		"Thu, 001 Jan 1970 000:00:00 GMT",
	} {
		if date, ok := parseDate(text); ok {
			t.Errorf("%q: %v, want none", text, date)
		}
	}
}

// Dates as applications write them, all of them the same second.
func TestDateAsApplicationsWriteIt(t *testing.T) {
	want := time.Date(2019, time.January, 2, 3, 4, 5, 0, time.UTC)
	for _, text := range []string{
		"Wed, 02 Jan 2019 03:04:05 GMT", "Wed, 02-Jan-2019 03:04:05 GMT", "Wed, 02-Jan-19 03:04:05 GMT",
		"Wednesday, 02-Jan-19 03:04:05 GMT", "Wed Jan  2 03:04:05 2019", "Wed, 2 Jan 2019 03:04:05 GMT",
		"Wed, 2-Jan-2019 03:04:05 GMT", "Wed, 02 Jan 2019 03:04:05 UTC", "wed, 02-jan-2019 03:04:05 GMT",
	} {
		if got, ok := parseDate(text); !ok || !got.Equal(want) {
			t.Errorf("%s: got %v, %v", text, got, ok)
		}
	}
	for _, text := range []string{"", "0", "-1", "never", "2019-01-02T03:04:05Z", "Wed, 32 Jan 2019 03:04:05 GMT"} {
		if got, ok := parseDate(text); ok || !got.IsZero() {
			t.Errorf("%q: got %v, %v", text, got, ok)
		}
	}
}
