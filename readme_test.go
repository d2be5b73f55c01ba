package jwtsession

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// Every Caddyfile in the README is one that Caddy accepts, and every option is explained there.
func TestReadmeCaddyfiles(t *testing.T) {
	t.Setenv("OIDC_SECRET", "secret")
	t.Setenv("JWT_SESSION_SECRET", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```\\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	if len(blocks) < 8 {
		t.Fatalf("found %d Caddyfiles", len(blocks))
	}
	for _, block := range blocks {
		config := block[1]
		switch {
		case strings.Contains(config, "[<"): // a syntax, not a Caddyfile
			continue
		case strings.HasPrefix(config, "{"):
			config += "http:// {\n respond ok\n}\n"
		case !strings.HasPrefix(config, "example.com"):
			config = "http:// {\n" + config + "\n}\n"
		}
		if err := validateText(t, config); err != nil {
			t.Errorf("%v\n%s", err, config)
		}
	}
}

func TestReadmeExplainsEveryOption(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, names := range []string{handlerOptions, whoamiOptions, tokenCookieOptions, stateOptions, globalOptions, issuerOptions, callbackOptions} {
		for name := range strings.SplitSeq(names, ", ") {
			if !strings.Contains(string(text), "`"+name) {
				t.Errorf("the README does not explain %s", name)
			}
		}
	}
}
