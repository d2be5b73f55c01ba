package main

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"html/template"
	"net"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/example/page"
	"github.com/caddy-jwt-session/caddy-jwt-session/example/shop"
)

var (
	//go:embed templates
	templates embed.FS
	//go:embed panel.css
	panelStyle string
	//go:embed panel.js
	panelScript []byte

	panelPage = template.Must(template.ParseFS(templates, "templates/panel.html"))
)

// panelPath is where the page is, at the front's address. What lies below is not given to a gateway.
const panelPath = "/cluster/"

// maxPanelForm is the longest form in bytes that is read.
const maxPanelForm = 4 << 10

// panel is the page from which the cluster is watched and broken.
type panel struct {
	cluster *cluster
	routes  *http.ServeMux
}

// newPanel returns the page. Only a page of the same origin, or a program that is no browser, may make it do something.
func newPanel(of *cluster) http.Handler {
	p := &panel{cluster: of, routes: http.NewServeMux()}
	p.routes.HandleFunc("GET "+panelPath+"{$}", p.show)
	p.routes.HandleFunc("GET "+panelPath+"panel.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		_, _ = w.Write(panelScript)
	})
	for path, do := range map[string]action{
		"gateways/{number}/kill": p.onMember(func(_ context.Context, m *member) (string, error) {
			return m.name + " was killed.", m.kill()
		}),
		"gateways/{number}/start": p.onMember(func(ctx context.Context, m *member) (string, error) {
			return m.name + " was started.", m.start(ctx)
		}),
		"server/kill":  func(*http.Request) (string, error) { return "The server was killed.", of.server.kill() },
		"server/start": func(r *http.Request) (string, error) { return "The server was started.", of.server.start(r.Context()) },
		"server/empty": func(r *http.Request) (string, error) { return "The server was emptied.", of.server.empty(r.Context()) },
		"gateways/{number}/revoke": func(r *http.Request) (string, error) {
			user := r.PostFormValue("user")
			return p.onMember(func(ctx context.Context, m *member) (string, error) {
				return user + " was revoked, at " + m.name + ".", of.revoke(ctx, m, user)
			})(r)
		},
	} {
		p.routes.HandleFunc("POST "+panelPath+path, p.doing(do))
	}
	for path, visit := range map[string]func(context.Context, *visitor, *http.Request) error{
		"sign-in": func(ctx context.Context, v *visitor, r *http.Request) error {
			return v.signIn(ctx, r.PostFormValue("user"))
		},
		"sign-out": func(ctx context.Context, v *visitor, _ *http.Request) error { return v.signOut(ctx) },
		"visit": func(ctx context.Context, v *visitor, _ *http.Request) error {
			for range of.members {
				if _, _, err := v.do(ctx, "/account", nil); err != nil {
					return err
				}
			}
			return nil
		},
	} {
		p.routes.HandleFunc("POST "+panelPath+path, p.visiting(visit))
	}
	return p.guarded(http.NewCrossOriginProtection().Handler(p.routes))
}

// guarded refuses names that others have pointed at this machine, and keeps the page to itself.
func (p *panel) guarded(next http.Handler) http.Handler {
	_, port, _ := net.SplitHostPort(p.cluster.address) // which was listened on
	ours := []string{p.cluster.address, net.JoinHostPort("localhost", port)}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		page.Protect(w.Header())
		if !slices.Contains(ours, r.Host) {
			http.Error(w, "Open the page at http://"+p.cluster.address+panelPath, http.StatusMisdirectedRequest)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxPanelForm)
		next.ServeHTTP(w, r)
	})
}

// action does something to the cluster and says what it did.
type action func(r *http.Request) (string, error)

// onMember makes an action of what is done to the gateway that the path names.
func (p *panel) onMember(do func(context.Context, *member) (string, error)) action {
	return func(r *http.Request) (string, error) {
		number, err := strconv.Atoi(r.PathValue("number"))
		if err != nil || number < 1 || number > len(p.cluster.members) {
			return "", fmt.Errorf("there is no gateway %q: write a number from 1 to %d", r.PathValue("number"), len(p.cluster.members))
		}
		return do(r.Context(), p.cluster.members[number-1])
	}
}

// doing carries out the action, notes it, and leads back to the page.
func (p *panel) doing(do action) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		said, err := do(r)
		p.lead(w, r, said, err)
	}
}

// visiting makes requests with the cookies of the browser, and gives the browser those that they set.
func (p *panel) visiting(visit func(context.Context, *visitor, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v, err := newVisitor(p.cluster.address, r)
		if err == nil {
			err = visit(r.Context(), v, r)
			for _, line := range v.changes {
				w.Header().Add("Set-Cookie", line)
			}
		}
		p.lead(w, r, "", err)
	}
}

// lead leads back to the page, which shows what was done or why not. A program reads the error from the status.
func (p *panel) lead(w http.ResponseWriter, r *http.Request, said string, err error) {
	if err != nil {
		said = "Not done: " + err.Error()
	}
	if said != "" {
		p.cluster.timeline.add(moment{Event: said})
	}
	if err != nil && r.Header.Get("Sec-Fetch-Site") == "" {
		http.Error(w, said, http.StatusConflict)
		return
	}
	http.Redirect(w, r, panelPath, http.StatusSeeOther)
}

// panelData is what the template reads.
type panelData struct {
	page.Page

	Address  string
	Members  []memberView
	Server   serverView
	Moments  []moment
	Users    []shop.User
	MaxStale time.Duration
}

// Bound is how long a gateway that is cut off lets tokens in.
func (d panelData) Bound() string {
	if d.MaxStale%time.Minute == 0 {
		return fmt.Sprintf("%d min", d.MaxStale/time.Minute)
	}
	return d.MaxStale.String()
}

// PanelStyle is the style sheet of this page alone.
func (panelData) PanelStyle() template.CSS { return template.CSS(panelStyle) }

func (p *panel) show(w http.ResponseWriter, r *http.Request) {
	data := panelData{
		Address: p.cluster.address, Members: p.cluster.views(r.Context()), Moments: p.cluster.timeline.newest(),
		Server: viewOfServer(p.cluster.server), Users: shop.Users(), MaxStale: p.cluster.maxStale,
	}
	var text bytes.Buffer
	if err := panelPage.Execute(&text, data); err != nil {
		http.Error(w, "the page could not be written", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = text.WriteTo(w)
}
