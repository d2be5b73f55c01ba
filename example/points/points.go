package points

import (
	"embed"
	"net/http"
	"strings"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/example/page"
)

//go:embed templates
var templates embed.FS

var pointsPage = page.Parse(templates, "templates/points.html")

// Options is what the service is made with. All of it is required.
type Options struct {
	Now   func() time.Time
	Trail *page.Trail

	Issuer   string // the claim iss of the tokens
	Audience string // the claim aud: this service's own name
	KeysURL  string // where the gateway publishes its keys
}

// Points is the service as an [http.Handler]. It may be used by several goroutines.
type Points struct {
	Options

	keys publishedKeys
}

// New returns the service. It fetches the keys with the first token.
func New(options Options) *Points {
	return &Points{Options: options, keys: publishedKeys{url: options.KeysURL}}
}

// balances are the points of those who have some.
var balances = map[string]int{"alice": 240, "bob": 35}

// pageData is what the template reads.
type pageData struct {
	page.Page

	User   string
	Role   string
	Points int
	Left   time.Duration // until the token expires
	Bytes  int           // of the token
	Why    string        // why there is no user
}

// ServeHTTP implements [http.Handler].
func (p *Points) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	page.Protect(w.Header())
	now, authorization := p.Now(), r.Header.Get("Authorization")
	received := page.Read("points", r, now)
	data := pageData{Bytes: len(strings.TrimPrefix(authorization, "Bearer "))}
	status := http.StatusOK
	if verified, err := p.verify(r.Context(), authorization, now); err != nil {
		status, data.Why = http.StatusUnauthorized, err.Error()
		w.Header().Set("WWW-Authenticate", "Bearer")
	} else {
		data.User, data.Role, data.Points = verified.Subject, verified.Role, balances[verified.Subject]
		data.Left = verified.Expiry.Time().Sub(now).Truncate(time.Second)
		received.User = verified.Subject
	}
	p.Trail.Add(received)
	data.Page = page.Page{Title: "Your points", Received: received, Trail: p.Trail.Newest()}
	page.Show(w, status, pointsPage, data)
}
