package validator

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	caepEvent = "https://schemas.openid.net/secevent/caep/event-type/"
	riscEvent = "https://schemas.openid.net/secevent/risc/event-type/"
	ssfEvent  = "https://schemas.openid.net/secevent/ssf/event-type/"
)

func eventRules() EventRules {
	return EventRules{Issuer: testIssuer, Audiences: []string{"shop", testAudience}, MaxAge: 24 * time.Hour, Leeway: 30 * time.Second}
}

func revocationRules() RevocationRules {
	return RevocationRules{
		Issuer: testIssuer, ClientID: "shop", Audiences: []string{"shop"}, MaxAge: 10 * time.Minute, Leeway: 30 * time.Second,
	}
}

var eventHeader = map[jose.HeaderKey]any{"typ": "secevent+jwt"}

func eventClaims(changes map[string]any) map[string]any {
	return statementClaims(map[string]any{
		"exp":    nil,
		"sub_id": map[string]any{"format": "iss_sub", "iss": testIssuer, "sub": "alice"},
		"events": map[string]any{caepEvent + "session-revoked": map[string]any{"event_timestamp": testNow.Unix()}},
	}, changes)
}

func TestVerifyEvent(t *testing.T) {
	keys, key := allProviderKeys(t), providerKeysByAlgorithm()[jose.ES256]
	at := func(d time.Duration) int64 { return testNow.Add(d).Unix() }
	for _, test := range []struct {
		name    string
		changes map[string]any
		want    Reason
	}{
		{"all is there", nil, ""},
		{"an old one", map[string]any{"iat": at(-23 * time.Hour)}, ""},
		{"the other audience", map[string]any{"aud": []string{testAudience}}, ""},
		{"an unknown event", map[string]any{"events": map[string]any{"urn:x": map[string]any{}}}, ""},
		{"a subject of an unknown format", map[string]any{"sub_id": map[string]any{"format": "x"}}, ""},
		{"no subject", map[string]any{"sub_id": nil}, ""},
		{"another issuer", map[string]any{"iss": "https://evil.example"}, TokenWrongIssuer},
		{"another audience", map[string]any{"aud": "other"}, TokenWrongAudience},
		{"no audience", map[string]any{"aud": nil}, TokenWrongAudience},
		{"too old", map[string]any{"iat": at(-25 * time.Hour)}, TokenTooOld},
		{"expired", map[string]any{"iat": at(-time.Hour), "exp": at(-time.Minute)}, TokenExpired},
		{"from the future", map[string]any{"iat": at(time.Minute)}, TokenNotYetValid},
		{"no iat", map[string]any{"iat": nil}, TokenMalformed},
		{"no jti", map[string]any{"jti": nil}, TokenMalformed},
		{"no events", map[string]any{"events": nil}, TokenNoEvent},
		{"events without any", map[string]any{"events": map[string]any{}}, TokenNoEvent},
		{"events as list", map[string]any{"events": []string{caepEvent + "session-revoked"}}, TokenMalformed},
		{"an event as text", map[string]any{"events": map[string]any{caepEvent + "session-revoked": "x"}}, TokenMalformed},
		{"a subject as text", map[string]any{"sub_id": "alice"}, TokenMalformed},
		{"a subject without its member", map[string]any{"sub_id": map[string]any{"format": "email"}}, TokenMalformed},
		{"sub as list", map[string]any{"sub_id": nil, "sub": []string{"alice"}}, TokenMalformed},
	} {
		token, reason := eventRules().Verify(keys, key.sign(t, eventClaims(test.changes), eventHeader), testNow)
		if reason != test.want || (token == nil) != (reason != "") {
			t.Errorf("%s: reason %q, want %q", test.name, reason, test.want)
		}
	}
	for typ, want := range map[string]Reason{
		"secevent+jwt": "", "application/secevent+jwt": "", "": TokenMalformed, "JWT": TokenMalformed, "logout+jwt": TokenMalformed,
	} {
		text := key.sign(t, eventClaims(nil), map[jose.HeaderKey]any{"typ": typ})
		if _, reason := eventRules().Verify(keys, text, testNow); reason != want {
			t.Errorf("typ %q: reason %q, want %q", typ, reason, want)
		}
	}
	if token, reason := (EventRules{}).Verify(keys, key.sign(t, eventClaims(nil), eventHeader), testNow); token != nil || reason == "" {
		t.Error("no rules accept an event")
	}
}

func TestEventKinds(t *testing.T) {
	keys, key := allProviderKeys(t), providerKeysByAlgorithm()[jose.ES256]
	const oauthEvent = "https://schemas.openid.net/secevent/oauth/event-type/"
	const out, verifies, other = EventSignsOut, EventVerifies, EventOther
	for name, want := range map[string]EventKind{
		caepEvent + "session-revoked":                                     out,
		caepEvent + "credential-change":                                   out,
		caepEvent + "token-claims-change":                                 other,
		caepEvent + "assurance-level-change":                              other,
		caepEvent + "device-compliance-change":                            other,
		caepEvent + "risk-level-change":                                   other,
		caepEvent + "session-established":                                 other,
		caepEvent + "session-presented":                                   other,
		riscEvent + "account-credential-change-required":                  out,
		riscEvent + "account-purged":                                      out,
		riscEvent + "account-disabled":                                    out,
		riscEvent + "credential-compromise":                               out,
		riscEvent + "identifier-recycled":                                 out,
		riscEvent + "sessions-revoked":                                    out,
		riscEvent + "account-enabled":                                     other,
		riscEvent + "identifier-changed":                                  other,
		riscEvent + "opt-in":                                              other,
		riscEvent + "opt-out-initiated":                                   other,
		riscEvent + "opt-out-cancelled":                                   other,
		riscEvent + "opt-out-effective":                                   other,
		riscEvent + "recovery-activated":                                  other,
		riscEvent + "recovery-information-changed":                        other,
		oauthEvent + "tokens-revoked":                                     out,
		oauthEvent + "token-revoked":                                      other,
		ssfEvent + "verification":                                         verifies,
		riscEvent + "verification":                                        verifies,
		ssfEvent + "stream-updated":                                       other,
		"https://schemas.openid.net/secevent/sse/event-type/verification": verifies,
		caepEvent + "verification":                                        other,
		caepEvent + "account-disabled":                                    other,
		riscEvent + "session-revoked":                                     other,
		"session-revoked":                                                 other,
		riscEvent + "Account-Disabled":                                    other,
		riscEvent + "account-disabled/":                                   other,
	} {
		claims := eventClaims(map[string]any{"events": map[string]any{name: map[string]any{}}})
		token, reason := eventRules().Verify(keys, key.sign(t, claims, eventHeader), testNow)
		if reason != "" || len(token.Events()) != 1 || token.Events()[0].Kind != want {
			t.Errorf("%s: %v, %q", name, token, reason)
		}
	}
}

// subjectCases are subject identifiers with what they name.
var subjectCases = map[string]struct {
	text     string
	ok       bool
	claims   map[string][]string
	sessions []string
}{
	"issuer and subject": {`{"format":"iss_sub","iss":"` + testIssuer + `","sub":"alice"}`, true, map[string][]string{"sub": {"alice"}}, nil},
	"another issuer":     {`{"format":"iss_sub","iss":"https://evil.example","sub":"alice"}`, true, nil, nil},
	"no issuer":          {`{"format":"iss_sub","sub":"alice"}`, false, nil, nil},
	"no subject":         {`{"format":"iss_sub","iss":"` + testIssuer + `"}`, false, nil, nil},
	"an address":         {`{"format":"email","email":"a@b.example"}`, true, map[string][]string{"email": {"a@b.example"}}, nil},
	"an empty address":   {`{"format":"email","email":""}`, false, nil, nil},
	"an address as list": {`{"format":"email","email":["a@b.example"]}`, false, nil, nil},
	"opaque":             {`{"format":"opaque","id":"17"}`, true, map[string][]string{"sub": {"17"}}, nil},
	"a phone number":     {`{"format":"phone_number","phone_number":"+1"}`, true, map[string][]string{"phone_number": {"+1"}}, nil},
	"the older drafts": {
		`{"subject_type":"iss-sub","iss":"` + testIssuer + `","sub":"alice"}`, true, map[string][]string{"sub": {"alice"}}, nil,
	},
	"an unknown format": {`{"format":"x","id":"17"}`, true, nil, nil},
	"format as number":  {`{"format":1}`, false, nil, nil},
	"aliases": {
		`{"format":"aliases","identifiers":[{"format":"email","email":"a@b.example"},{"format":"opaque","id":"17"},{"format":"opaque","id":"18"}]}`,
		true,
		map[string][]string{"email": {"a@b.example"}, "sub": {"17", "18"}},
		nil,
	},
	"no aliases":         {`{"format":"aliases","identifiers":[]}`, false, nil, nil},
	"aliases as object":  {`{"format":"aliases","identifiers":{}}`, false, nil, nil},
	"aliases of texts":   {`{"format":"aliases","identifiers":["a"]}`, false, nil, nil},
	"aliases of aliases": {`{"format":"aliases","identifiers":[{"format":"aliases","identifiers":[{"format":"aliases","identifiers":[]}]}]}`, false, nil, nil},
	"a user with a session": {
		`{"format":"complex","user":{"format":"email","email":"a@b.example"},"session":{"format":"opaque","id":"s1"},"device":{"format":"opaque","id":"d"}}`,
		true,
		map[string][]string{"email": {"a@b.example"}},
		[]string{"s1"},
	},
	"a session alone":  {`{"format":"complex","session":{"format":"opaque","id":"s1"}}`, true, nil, []string{"s1"}},
	"a device alone":   {`{"format":"complex","device":{"format":"opaque","id":"s1"}}`, true, nil, nil},
	"a user as text":   {`{"format":"complex","user":"alice"}`, false, nil, nil},
	"a duplicate name": {`{"format":"email","email":"a@b.example","email":"c@d.example"}`, false, nil, nil},
	"no object":        {`"alice"`, false, nil, nil},
	"null":             {`null`, false, nil, nil},
	"an empty object":  {`{}`, true, nil, nil},
	"too deep":         {strings.Repeat(`{"user":`, 9) + `1` + strings.Repeat(`}`, 9), false, nil, nil},
	"an email of claims": {
		`{"subject_type":"id_token_claims","iss":"` + testIssuer + `","email":"a@b.example"}`, true,
		map[string][]string{"email": {"a@b.example"}},
		nil,
	},
}

func TestSubjectIdentifiers(t *testing.T) {
	for name, test := range subjectCases {
		for _, member := range []string{"sub_id", "subject"} {
			subject, ok := ReadProviderSubject([]byte(`{"`+member+`":`+test.text+`,"other":1}`), testIssuer, "sub_id", "subject")
			if ok != test.ok || !maps.EqualFunc(subject.claims, test.claims, slices.Equal) ||
				!slices.Equal(subject.Sessions(), test.sessions) || subject.Known() != (len(test.claims)+len(test.sessions) > 0) {
				t.Errorf("%s: %+v, %v", name, subject, ok)
			}
		}
	}
	for _, text := range []string{``, `{}`, `[]`, `{"other":{"format":"opaque","id":"1"}}`, `{"sub_id":{"format":"opaque","id":"1"}} x`} {
		if _, ok := ReadProviderSubject([]byte(text), testIssuer, "sub_id"); ok {
			t.Errorf("%q is a subject", text)
		}
	}
}

// An event has its subject where the drafts had it, too.
func TestSubjectOfEvent(t *testing.T) {
	keys, key := allProviderKeys(t), providerKeysByAlgorithm()[jose.ES256]
	alice := map[string]any{"format": "iss_sub", "iss": testIssuer, "sub": "alice"}
	for name, changes := range map[string]map[string]any{
		"in the token": nil,
		"in the event": {"sub_id": nil, "events": map[string]any{caepEvent + "session-revoked": map[string]any{"subject": alice}}},
		"by sub":       {"sub_id": nil, "sub": "alice"},
	} {
		token, reason := eventRules().Verify(keys, key.sign(t, eventClaims(changes), eventHeader), testNow)
		if reason != "" || !reflect.DeepEqual(token.Events()[0].Subject.Claim("sub"), []string{"alice"}) {
			t.Errorf("%s: %+v, %q", name, token, reason)
		}
	}
}

// FuzzReadProviderSubject compares with what encoding/json reads, which is more lenient.
func FuzzReadProviderSubject(f *testing.F) {
	for _, test := range subjectCases {
		f.Add([]byte(`{"sub_id":` + test.text + `}`))
	}
	f.Add([]byte(`{"sub_id":{"format":"email","email":"a"},"subject":{"format":"opaque","id":"b"}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		subject, ok := ReadProviderSubject(text, testIssuer, "sub_id")
		if !ok {
			if subject.Known() {
				t.Fatalf("%+v is no subject and names somebody", subject)
			}
			return
		}
		var other map[string]map[string]any
		if err := json.Unmarshal(text, &other); err != nil {
			return // other members of the body may have another type
		}
		for format, member := range map[string][2]string{"email": {"email", "email"}, "opaque": {"id", "sub"}} {
			if id := other["sub_id"]; id["format"] == format && !slices.Equal(subject.Claim(member[1]), []string{id[member[0]].(string)}) {
				t.Fatalf("%q: %+v", text, subject)
			}
		}
	})
}

func TestVerifyRevocation(t *testing.T) {
	keys, key := allProviderKeys(t), providerKeysByAlgorithm()[jose.ES256]
	typed, untyped := map[jose.HeaderKey]any{"typ": revocationKind}, map[jose.HeaderKey]any{"typ": "JWT"}
	for _, test := range []struct {
		name    string
		header  map[jose.HeaderKey]any
		changes map[string]any
		want    Reason
	}{
		{"typed", typed, nil, ""},
		{"typed, without sub", typed, map[string]any{"sub": nil}, ""},
		{"of the client", untyped, map[string]any{"sub": "shop"}, ""},
		{"of the provider", untyped, map[string]any{"sub": testIssuer}, ""},
		{"a user's token", untyped, map[string]any{"sub": "alice"}, TokenNoSubject},
		{"nobody's token", untyped, map[string]any{"sub": nil}, TokenNoSubject},
		{"an ID token", untyped, map[string]any{"sub": "shop", "nonce": "n"}, TokenNoAccess},
		{"an access token", map[jose.HeaderKey]any{"typ": "at+jwt"}, map[string]any{"sub": "shop"}, TokenMalformed},
		{"another issuer", typed, map[string]any{"iss": "https://evil.example"}, TokenWrongIssuer},
		{"another audience", typed, map[string]any{"aud": "other"}, TokenWrongAudience},
		{"too old", typed, map[string]any{"iat": testNow.Unix() - 3600}, TokenTooOld},
		{"expired", typed, map[string]any{"iat": testNow.Unix() - 60, "exp": testNow.Unix() - 30}, TokenExpired},
		{"no jti", typed, map[string]any{"jti": nil}, TokenMalformed},
	} {
		text := key.sign(t, statementClaims(map[string]any{"sub": "shop"}, test.changes), test.header)
		token, reason := revocationRules().Verify(keys, text, testNow)
		if reason != test.want || (token == nil) != (reason != "") {
			t.Errorf("%s: reason %q, want %q", test.name, reason, test.want)
		}
	}
	text := key.sign(t, statementClaims(nil, nil), typed)
	if token, reason := (RevocationRules{}).Verify(keys, text, testNow); token != nil || reason == "" {
		t.Error("no rules accept a token")
	}
}
