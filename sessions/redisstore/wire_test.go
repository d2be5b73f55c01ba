package redisstore

import (
	"reflect"
	"testing"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/blacklist"
)

func sampleChanges() []change {
	digest := [32]byte{1, 2, 3}
	expires := time.Unix(1_900_000_000, 0)
	var changes []change
	for i, subject := range []blacklist.Subject{
		blacklist.TokenID("jti"), blacklist.EndOf("shop", digest), blacklist.RevokedUser("shop", "ann"), blacklist.FlushedAll(),
		blacklist.AdmittedSession("a b/\x00", digest, "user with spaces \n"), blacklist.Lifted(), blacklist.LineageOf("", "", -5),
	} {
		entry := blacklist.Entry{Subject: subject, Second: int64(i-2) * 1_000_000_007, Expires: expires, At: uint64(i) << 40}
		changes = append(changes, change{entry: entry})
		entry.Second = 0
		changes = append(changes, change{entry: entry, lift: true})
	}
	return changes
}

func TestChangesComeBackAsTheyWere(t *testing.T) {
	t.Parallel()
	var data []byte
	want := sampleChanges()
	for _, c := range want {
		data = appendChange(data, c)
	}
	got, err := parseChanges(string(data))
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("parseChanges = %v, %v, want %v", got, err, want)
	}
	for cut := 1; cut < len(appendChange(nil, want[0])); cut++ {
		if got, err := parseChanges(string(data[:cut])); err == nil {
			t.Errorf("the first %d bytes are read as %v", cut, got)
		}
	}
}

func TestChangesOfAnotherVersionAreRefused(t *testing.T) {
	t.Parallel()
	known := appendChange(nil, sampleChanges()[0])
	unknownKind := append([]byte{'x'}, known[1:]...)
	unknownSubject := append([]byte(nil), known...)
	unknownSubject[mark] = 200
	for _, data := range [][]byte{unknownKind, unknownSubject} {
		if got, err := parseChanges(string(data)); err != errVersion { //nolint:errorlint // as it is
			t.Errorf("parseChanges(%q) = %v, %v, want %v", data, got, err, errVersion)
		}
	}
}

func FuzzParseChanges(f *testing.F) {
	var all []byte
	for _, c := range sampleChanges() {
		f.Add(string(appendChange(nil, c)))
		all = appendChange(all, c)
	}
	f.Add(string(all))
	f.Add("")
	f.Add("w\xff\xff\xff\xff")
	f.Add("l\x00\x00\x00\x00\xff")
	f.Fuzz(func(t *testing.T, data string) {
		changes, err := parseChanges(data)
		if err != nil {
			return
		}
		var written []byte
		for _, c := range changes {
			written = appendChange(written, c)
		}
		again, err := parseChanges(string(written))
		if err != nil || len(again) != len(changes) {
			t.Fatalf("%v is written as %q and read as %v, %v", changes, written, again, err)
		}
		for i := range again {
			if again[i] != changes[i] {
				t.Fatalf("%v comes back as %v", changes[i], again[i])
			}
		}
	})
}

func FuzzParseEntry(f *testing.F) {
	subject := string(blacklist.TokenID("jti").Bytes())
	for _, values := range []string{"1 2 3-4 5-6", "-1 -2 0-0 0-1", "1 2 3-4", "1 2 3-4 5-6 7", " 2 3-4 5-6", "1 2 3-1048576 5-6", "1 2 -3-4 5-6", ""} {
		f.Add(subject, values)
	}
	f.Fuzz(func(t *testing.T, subject, values string) {
		entry, changed, err := parseEntry(subject, values)
		if err != nil {
			return
		}
		again, changedAgain, err := parseEntry(string(entry.Subject.Bytes()), entryText(entry)+" "+idOf(changed))
		if err != nil || again != entry || changedAgain != changed {
			t.Fatalf("%q is %v at %d and comes back as %v at %d, %v", values, entry, changed, again, changedAgain, err)
		}
	})
}

func TestSignature(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		text, gateway string
		number        uint64
	}{
		{signature("GATE", 0), "GATE", 0},
		{signature("GATE", 17), "GATE", 17},
		{signature("GATE", 1<<64-1), "GATE", 1<<64 - 1},
		{"", "", 0},
		{"GATE", "GATE", 0},
		{"GATE/", "GATE", 0},
		{"GATE/x", "GATE", 0},
		{"GATE/1/2", "GATE", 0},
		{"GATE/-1", "GATE", 0},
	} {
		if gateway, number := parseSignature(test.text); gateway != test.gateway || number != test.number {
			t.Errorf("parseSignature(%q) = %q, %d, want %q, %d", test.text, gateway, number, test.gateway, test.number)
		}
	}
}

func TestSyncFile(t *testing.T) {
	t.Parallel()
	now := time.Unix(2_000_000_000, 5)
	file, err := openSyncFile(t.TempDir() + "/synced")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.close() })
	for _, test := range []struct {
		synced time.Time
		latest int64
		want   time.Time
	}{
		{time.Time{}, 0, time.Time{}},
		{now.Add(-time.Hour), 7, now.Add(-time.Hour)},
		{time.Time{}, 9, time.Time{}},
		{now.Add(time.Hour), 9, time.Time{}},
		{now, 1 << 62, now},
	} {
		file.write(test.synced, test.latest)
		if synced, latest := file.read(now); !synced.Equal(test.want) || latest != test.latest {
			t.Errorf("%v, %d comes back as %v, %d", test.synced, test.latest, synced, latest)
		}
	}
}

func FuzzParseSync(f *testing.F) {
	f.Add("00000000000000000001 00000000000000000002\n")
	f.Add("0000000000000000000x 00000000000000000002\n")
	f.Add("-0000000000000000001 00000000000000000002\n")
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		now := time.Unix(2_000_000_000, 0)
		synced, latest := parseSync(text, now)
		if synced.After(now) || latest < 0 {
			t.Errorf("parseSync(%q) = %v, %d", text, synced, latest)
		}
	})
}

func TestLiftFile(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_900_000_000, 0)
	name := t.TempDir() + "/lifts"
	lift := func(token string, at uint64, hours int) blacklist.Entry {
		return blacklist.Entry{Subject: blacklist.TokenID(token), At: at, Expires: now.Add(time.Duration(hours) * time.Hour)}
	}
	file, lifts, err := openLiftFile(name, now)
	if err != nil || len(lifts) != 0 {
		t.Fatalf("a new file has %v, %v", lifts, err)
	}
	for _, added := range []blacklist.Entry{lift("a", 5, 2), lift("b", 6, 1), lift("a", 7, 1)} {
		file.add(added)
	}
	if _, err := file.file.WriteString("damaged\n" + string(appendLiftLine(nil, lift("c", 8, 9)))[:20]); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := file.close(); err != nil {
			t.Fatal(err)
		}
		file, lifts, err = openLiftFile(name, now.Add(time.Hour))
		if want := lift("a", 7, 2); err != nil || len(lifts) != 1 || lifts[want.Subject] != want {
			t.Fatalf("the file has %v, %v, want %v", lifts, err, want)
		}
	}
	if err := file.close(); err != nil {
		t.Fatal(err)
	}
}

func FuzzParseLiftLine(f *testing.F) {
	f.Add(appendLiftLine(nil, sampleChanges()[1].entry))
	f.Add([]byte("AA 1-2 3\n"))
	f.Add([]byte(""))
	f.Fuzz(func(t *testing.T, line []byte) {
		lift, ok := parseLiftLine(line)
		if !ok {
			return
		}
		if again, ok := parseLiftLine(appendLiftLine(nil, lift)); !ok || again != lift {
			t.Errorf("%q is %v and comes back as %v, %v", line, lift, again, ok)
		}
	})
}
