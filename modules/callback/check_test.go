package callback

import (
	"strings"
	"testing"
)

// What the Caddyfile can't say, JSON can.
func TestContradictionsOfJSON(t *testing.T) {
	for name, test := range map[string]struct {
		callback *Callback
		want     string // empty: it is good
	}{
		"no method":              {&Callback{ClientSecret: "s"}, ""},
		"in the header":          {&Callback{ClientSecret: "s", ClientSecretMethod: "basic"}, ""},
		"in the form":            {&Callback{ClientSecret: "s", ClientSecretMethod: "post"}, ""},
		"another method":         {&Callback{ClientSecret: "s", ClientSecretMethod: "client_secret_post"}, "want basic or post"},
		"a method of no secret":  {&Callback{ClientSecretMethod: "post"}, "there is no client_secret to show"},
		"a method beside a key":  {&Callback{ClientKey: &ClientKey{File: "k"}, ClientSecretMethod: "post"}, "there is no client_secret to show"},
		"a method with no code":  {&Callback{ClientSecret: "s", ClientSecretMethod: "post", Response: "form_post"}, "there is no code to redeem"},
		"a method in other case": {&Callback{ClientSecret: "s", ClientSecretMethod: "POST"}, "want basic or post"},
		"parameters": {&Callback{
			SignOut: "/out", SignOutParameters: map[string]string{"logout_uri": placeholderSignedOut, "ui_locales": "de"},
		}, ""},
		"a parameter of nothing":    {&Callback{SignOutParameters: map[string]string{"a": "b"}}, "say with sign_out where that is"},
		"a parameter without name":  {&Callback{SignOut: "/out", SignOutParameters: map[string]string{"": "b"}}, "want a name and a value"},
		"a parameter without value": {&Callback{SignOut: "/out", SignOutParameters: map[string]string{"a": ""}}, "want a name and a value"},
		"a parameter of ours":       {&Callback{SignOut: "/out", SignOutParameters: map[string]string{"state": "b"}}, "sets it itself"},
		"another placeholder":       {&Callback{SignOut: "/out", SignOutParameters: map[string]string{"a": "{env.X}"}}, "no other placeholder"},
	} {
		err := contradiction(test.callback)
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
}
