package blacklist

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestSubjectsDiffer(t *testing.T) {
	session := sha256.Sum256([]byte("jti"))
	all := []Subject{
		TokenID("jti"), TokenID("jti2"), EndOf("shop", session), EndOf("", session), EndOf("shop\x00", session),
		EndOf("shop", [32]byte{}),
		RevokedSession("shop", session), AdmittedSession("shop", session, "ann"), OwnerOf("shop", session, "ann"),
		OwnerOf("shop", session, "bob"), RevokedUser("shop", "ann"), RevokedUser("sho", "pann"), RevokedUser("shopann", ""),
		RevokedUser("", "shopann"), RevokedUserEverywhere("ann"), WatchedUser("shop", "ann"), FlushedRealm("shop"),
		FlushedRealm(""), FlushedAll(), Lifted(), LineageOf("shop", "ann", 1), LineageOf("shop", "ann", 256),
		LineageOf("shop", "bob", 1), LineageOf("forum", "ann", 1),
		{},
	}
	seen := make(map[string]bool)
	for i, one := range all {
		for j, other := range all {
			if (one == other) != (i == j) {
				t.Errorf("subjects %d and %d: equal is %v", i, j, one == other)
			}
		}
		if seen[string(one.Bytes())] {
			t.Errorf("the bytes of subject %d are those of another", i)
		}
		seen[string(one.Bytes())] = true
	}
}

// The bytes are in journals on disk: this form must be read for ever.
func TestSubjectBytes(t *testing.T) {
	digest, ann, zeros := sha256.Sum256([]byte("jti")), sha256.Sum256([]byte("ann")), [32]byte{}
	for _, c := range []struct {
		subject Subject
		kind    byte
		digest  [32]byte
		rest    string
	}{
		{TokenID("jti"), 1, digest, ""},
		{EndOf("shop", digest), 2, digest, "shop"},
		{RevokedSession("shop", digest), 3, digest, "shop"},
		{RevokedUser("shop", "ann"), 4, ann, "\x04shopann"},
		{RevokedUserEverywhere("ann"), 5, ann, "ann"},
		{FlushedRealm("shop"), 6, zeros, "shop"},
		{FlushedAll(), 7, zeros, ""},
		{WatchedUser("shop", "ann"), 8, ann, "\x04shopann"},
		{AdmittedSession("shop", digest, "ann"), 9, digest, "\x04shopann"},
		{OwnerOf("shop", digest, "ann"), 10, digest, "\x04shopann"},
		{Lifted(), 11, zeros, ""},
		{LineageOf("shop", "ann", 258), 12, sha256.Sum256([]byte("\x00\x00\x00\x00\x00\x00\x01\x02ann")), "\x04shopann"},
	} {
		want := append(append([]byte{c.kind}, c.digest[:]...), c.rest...)
		if got := c.subject.Bytes(); !bytes.Equal(got, want) {
			t.Errorf("%v: %x, want %x", c.subject.Kind(), got, want)
		}
		if c.subject.Digest() != c.digest || c.subject.Kind() != Kind(c.kind) {
			t.Errorf("%v: digest %x", c.subject.Kind(), c.subject.Digest())
		}
	}
}

func TestSubjectParts(t *testing.T) {
	user := RevokedUser("shop", "ann")
	if user.Realm() != "shop" || user.User() != "ann" {
		t.Errorf("realm %q, user %q", user.Realm(), user.User())
	}
	if user.Everywhere() != RevokedUserEverywhere("ann") || user.Watched() != WatchedUser("shop", "ann") {
		t.Error("not what the user is elsewhere")
	}
}

func TestKindNames(t *testing.T) {
	seen := make(map[string]bool)
	for kind := range Kind(kinds + 1) {
		if name := kind.String(); seen[name] && name != "unknown" || (name == "unknown") != (kind == 0 || kind == kinds) {
			t.Errorf("kind %d is %q", kind, name)
		}
		seen[kind.String()] = true
	}
	if !slices.IsSorted(Revocations()) {
		t.Error("the kinds of revocations are not in order")
	}
}

func drawSubject(t *rapid.T) Subject {
	digest := sha256.Sum256([]byte(rapid.String().Draw(t, "text")))
	realm, user := rapid.String().Draw(t, "realm"), rapid.String().Draw(t, "user")
	return rapid.SampledFrom([]Subject{
		TokenID(user), EndOf(realm, digest), RevokedSession(realm, digest), RevokedUser(realm, user),
		RevokedUserEverywhere(user), FlushedRealm(realm), FlushedAll(), WatchedUser(realm, user),
		AdmittedSession(realm, digest, user), Lifted(), OwnerOf(realm, digest, user),
		RevokedAttribute(realm, "email", user),
	}).Draw(t, "subject")
}

func TestSubjectComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		subject := drawSubject(t)
		if parsed, err := ParseSubject(subject.Bytes()); err != nil || parsed != subject {
			t.Fatalf("ParseSubject: %v, %v", parsed, err)
		}
	})
}

func TestSubjectsHaveAnOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawSubject(t), drawSubject(t)
		if a.compare(b) != -b.compare(a) && a.compare(b) > 0 == (b.compare(a) > 0) || (a.compare(b) == 0) != (a == b) {
			t.Fatalf("compare is %d and %d", a.compare(b), b.compare(a))
		}
	})
}

func TestParseSubjectRefuses(t *testing.T) {
	for name, data := range map[string][]byte{
		"nothing":               nil,
		"too short":             make([]byte, 32),
		"the zero subject":      Subject{}.Bytes(),
		"a kind to come":        append([]byte{99}, make([]byte, 32)...),
		"a token id in a realm": append(TokenID("jti").Bytes(), 'x'),
		"everything in a realm": append(FlushedAll().Bytes(), 'x'),
		"a lifted realm":        append(Lifted().Bytes(), 'x'),
		"a user of another":     append(RevokedUserEverywhere("ann").Bytes(), 'x'),
		"a realm with a digest": append(append([]byte{6}, sha256.New().Sum(nil)...), "shop"...),
		"a realm too short":     append(OwnerOf("", [32]byte{}, "").Bytes()[:33], 5, 's'),
		"no length":             OwnerOf("", [32]byte{}, "").Bytes()[:33],
		"a length too long":     append(OwnerOf("", [32]byte{}, "").Bytes()[:33], 0x84, 0, 's', 'h', 'o', 'p'),
		"a length beyond all":   append(OwnerOf("", [32]byte{}, "").Bytes()[:33], bytes.Repeat([]byte{0xff}, 11)...),
	} {
		if subject, err := ParseSubject(data); !errors.Is(err, ErrSubject) || subject != (Subject{}) {
			t.Errorf("%s: %v, %v", name, subject, err)
		}
	}
}

func FuzzParseSubject(f *testing.F) {
	f.Add([]byte(nil))
	f.Add(TokenID("jti").Bytes())
	f.Add(EndOf("shop", [32]byte{1}).Bytes())
	f.Add(EndOf("", [32]byte{}).Bytes())
	f.Add(RevokedUser("shop", "ann").Bytes())
	f.Add(RevokedUserEverywhere("ann").Bytes())
	f.Add(FlushedRealm("shop").Bytes())
	f.Add(OwnerOf("shop", [32]byte{1}, "ann").Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		subject, err := ParseSubject(data)
		switch {
		case err != nil && subject != (Subject{}):
			t.Fatal("a subject beside an error")
		case err == nil && !bytes.Equal(subject.Bytes(), data):
			t.Fatalf("%x is read as the subject of %x", data, subject.Bytes())
		}
	})
}
