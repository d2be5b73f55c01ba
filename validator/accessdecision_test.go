package validator

import "testing"

// The whole table: each state of the access token beside each verdict.
func TestDecideAccess(t *testing.T) {
	const (
		same  = "alice"
		other = "bob"
	)
	usable := Access{State: AccessUsable, User: "alice"}
	unusable := Access{Reason: TokenExpired}
	undetermined := Access{State: AccessUndetermined}
	absent := Access{State: AccessAbsent}
	conflict := Access{Reason: Conflict}
	nobody := func(reason Reason, token TokenCookie) Verdict { return Unauthenticated{Reason: reason, Token: token} }
	for _, test := range []struct {
		name    string
		access  Access
		verdict Verdict
		user    string
		want    Verdict
	}{
		{"none, by token", absent, ByToken{}, same, ByToken{}},
		{"none, by session", absent, BySession{Token: ReplaceToken}, same, BySession{Token: ReplaceToken}},
		{"none, nobody", absent, nobody(NoCredentials, ClearToken), "", nobody(NoCredentials, ClearToken)},
		{"none, could not tell", absent, CouldNotTell{ClearToken}, "", CouldNotTell{ClearToken}},

		{"usable, by token", usable, ByToken{}, same, ByIssuer{LeaveToken}},
		{"usable, by another's token", usable, ByToken{}, other, nobody(Conflict, LeaveToken)},
		{"usable, by session", usable, BySession{Token: ReplaceToken}, same, ByIssuer{ReplaceToken}},
		{"usable, by another's session", usable, BySession{Token: ReplaceToken}, other, nobody(Conflict, LeaveToken)},
		{"usable, no credentials", usable, nobody(NoCredentials, LeaveToken), "", ByIssuer{LeaveToken}},
		{"usable, unknown session", usable, nobody(SessionUnknown, ClearToken), "", ByIssuer{ClearToken}},
		{"usable, token expired", usable, nobody(TokenExpired, ClearToken), "", ByIssuer{ClearToken}},
		{"usable, token without session", usable, nobody(SessionMissing, LeaveToken), same, ByIssuer{LeaveToken}},
		{"usable, another's token without session", usable, nobody(SessionMissing, LeaveToken), other, nobody(Conflict, LeaveToken)},
		{"usable, revoked session", usable, nobody(SessionRevoked, ClearToken), "", nobody(SessionRevoked, ClearToken)},
		{"usable, session twice", usable, nobody(SessionAmbiguous, ClearToken), "", nobody(SessionAmbiguous, ClearToken)},
		{"usable, part of a session", usable, nobody(SessionIncomplete, ClearToken), "", nobody(SessionIncomplete, ClearToken)},
		{"usable, could not tell whose session", usable, CouldNotTell{ClearToken}, "", CouldNotTell{ClearToken}},
		{"usable, not decided", usable, AskSession{}, "", AskSession{}},
		{"usable, no verdict", usable, nil, "", nobody(NoCredentials, LeaveToken)},

		{"unusable, by token", unusable, ByToken{}, same, ByToken{}},
		{"unusable, by session", unusable, BySession{Token: LeaveToken}, same, BySession{Token: LeaveToken}},
		{"unusable, no credentials", unusable, nobody(NoCredentials, LeaveToken), "", nobody(TokenExpired, LeaveToken)},
		{"unusable, unknown session", unusable, nobody(SessionUnknown, ClearToken), "", nobody(SessionUnknown, ClearToken)},
		{"unusable, could not tell", unusable, CouldNotTell{LeaveToken}, "", CouldNotTell{LeaveToken}},

		{"undetermined, by token", undetermined, ByToken{}, same, ByToken{}},
		{"undetermined, by session", undetermined, BySession{Token: LeaveToken}, same, BySession{Token: LeaveToken}},
		{"undetermined, no credentials", undetermined, nobody(NoCredentials, LeaveToken), "", CouldNotTell{LeaveToken}},
		{"undetermined, unknown session", undetermined, nobody(SessionUnknown, ClearToken), "", CouldNotTell{LeaveToken}},
		{"undetermined, could not tell", undetermined, CouldNotTell{ClearToken}, "", CouldNotTell{ClearToken}},

		{"two users, by token", conflict, ByToken{}, same, nobody(Conflict, LeaveToken)},
		{"two users, by session", conflict, BySession{Token: ReplaceToken}, same, nobody(Conflict, LeaveToken)},
		{"two users, no credentials", conflict, nobody(NoCredentials, LeaveToken), "", nobody(Conflict, LeaveToken)},
		{"two users, could not tell", conflict, CouldNotTell{}, "", nobody(Conflict, LeaveToken)},

		{"the zero value, no credentials", Access{}, nobody(NoCredentials, LeaveToken), "", nobody(NoCredentials, LeaveToken)},
	} {
		var users []string
		if test.user != "" {
			users = []string{test.user}
		}
		if got := DecideAccess(test.access, test.verdict, users...); got != test.want {
			t.Errorf("%s: %#v, want %#v", test.name, got, test.want)
		}
	}
	if got := DecideAccess(usable, ByToken{}, same, other); got != nobody(Conflict, LeaveToken) {
		t.Errorf("of two users one is another: %#v", got)
	}
}

func TestAccessJoin(t *testing.T) {
	alice, bob := Access{State: AccessUsable, User: "alice"}, Access{State: AccessUsable, User: "bob"}
	absent, unusable, undetermined := Access{State: AccessAbsent}, Access{Reason: TokenExpired}, Access{State: AccessUndetermined}
	conflict := Access{Reason: Conflict}
	for _, test := range []struct{ a, b, want Access }{
		{absent, absent, absent},
		{absent, alice, alice},
		{absent, unusable, unusable},
		{unusable, alice, alice},
		{undetermined, alice, alice},
		{unusable, undetermined, undetermined},
		{alice, alice, alice},
		{alice, bob, conflict},
		{conflict, alice, conflict},
		{conflict, absent, conflict},
		{conflict, undetermined, conflict},
	} {
		if got := test.a.Join(test.b); got != test.want {
			t.Errorf("%+v and %+v: %+v, want %+v", test.a, test.b, got, test.want)
		}
		if got := test.b.Join(test.a); got != test.want {
			t.Errorf("%+v and %+v: %+v, want %+v", test.b, test.a, got, test.want)
		}
	}
}
