package callback

import (
	"strings"
	"testing"
)

// What the Caddyfile can't say, JSON can.
func TestContradictionsOfJSON(t *testing.T) {
	for name, test := range map[string]struct {
		callback Callback
		want     string // empty: it is good
	}{
		"no method":              {Callback{ClientSecret: "s"}, ""},
		"in the header":          {Callback{ClientSecret: "s", ClientSecretMethod: "basic"}, ""},
		"in the form":            {Callback{ClientSecret: "s", ClientSecretMethod: "post"}, ""},
		"another method":         {Callback{ClientSecret: "s", ClientSecretMethod: "client_secret_post"}, "want basic or post"},
		"a method of no secret":  {Callback{ClientSecretMethod: "post"}, "there is no client_secret to show"},
		"a method beside a key":  {Callback{ClientKey: &ClientKey{File: "k"}, ClientSecretMethod: "post"}, "there is no client_secret to show"},
		"a method with no code":  {Callback{ClientSecret: "s", ClientSecretMethod: "post", Response: "form_post"}, "there is no code to redeem"},
		"a method in other case": {Callback{ClientSecret: "s", ClientSecretMethod: "POST"}, "want basic or post"},
	} {
		err := contradiction(&test.callback)
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
}
