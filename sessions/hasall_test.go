package sessions_test

import (
	"strings"
	"testing"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

func TestRequireHolds(t *testing.T) {
	for _, test := range []struct {
		attribute sessions.Attribute
		values    string // separated by commas
		want      bool
	}{
		{sessions.Attribute{}, "a", false},
		{sessions.Text(""), "a", false},
		{sessions.Text("a"), "a", true},
		{sessions.Text("a"), "A", false},
		{sessions.Text("ab"), "a", false},
		{sessions.Text("a b c"), "a,c", false},
		{sessions.Text("a b c"), "a", false},
		{sessions.Text("my staff"), "staff", false},
		{sessions.Text("[my staff]"), "staff", false},
		{sessions.Text("a b c"), "a,d", false},
		{sessions.Text("a,b"), "a", false},
		{sessions.Text("a\tb"), "a", false},
		{sessions.Text("store manager"), "store manager", true},
		{sessions.Text("store manager x"), "store manager", false},
		{sessions.List(), "a", false},
		{sessions.List("a", "b"), "b,a", true},
		{sessions.List("a b"), "a", false},
		{sessions.List("a b"), "a b", true},
		{sessions.List("a", "b"), "a b", false},
	} {
		if got := test.attribute.HasAll(strings.Split(test.values, ",")); got != test.want {
			t.Errorf("%v has %s: got %v", test.attribute.Texts(), test.values, got)
		}
	}
	if sessions.Text("a").HasAll(nil) {
		t.Error("what requires nothing is no permission")
	}
}
