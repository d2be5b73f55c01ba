package apps

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// judgedApplication is an application that says on a page whose session it reads.
type judgedApplication struct {
	name   string // of its rig
	cookie string
	whoami string // the option of the gateway
	page   string
	user   *regexp.Regexp // on the page
	login  []string       // paths that a browser asks for before it sends the form to the last of them
	form   [2]string      // names of the fields
}

var pageUser = regexp.MustCompile(`<b id="user">([^<]+)</b>`)

var judgedApplications = []judgedApplication{
	{"php-fpm", "app_session", "whoami /whoami.php json user", "/index.php", pageUser, []string{"/login.php"}, [2]string{"user", "password"}},
	{"flask", "session", "whoami /me json user.id {\n rolling\n}", "/", pageUser, []string{"/login"}, [2]string{"user", "password"}},
	{"express-session", "connect.sid", "whoami /me json user.id", "/", pageUser, []string{"/login"}, [2]string{"user", "password"}},
	{
		"tomcat-examples", "JSESSIONID", "whoami /examples/jsp/snp/snoop.jsp regex `<br>\\s*Remote user: ([^<\\s]+)`", "/examples/jsp/snp/snoop.jsp",
		regexp.MustCompile(`<br>\s*Remote user: ([^<\s]+)`),
		[]string{"/examples/jsp/security/protected/index.jsp", "/examples/jsp/security/protected/j_security_check"},
		[2]string{"j_username", "j_password"},
	},
}

// A client sends another user's session beside its own or alone, under a name, at a place or in a path where only the
// application may find it. The real application never reads a session that the gateway did not judge: its page names the
// user whom the gateway names.
func TestApplicationsReadWhatWasJudged(t *testing.T) {
	for _, app := range judgedApplications {
		t.Run(app.name, func(t *testing.T) {
			t.Parallel()
			backend := application(t, app.name)
			gateway := startGatewayWith(t, app.name, app.caddyfile(t), backend)
			alice, bob := app.signIn(t, gateway.address, "alice"), app.signIn(t, gateway.address, "bob")
			own := app.cookie + "=" + alice
			app.expect(t, gateway, app.page, own, "alice")
			aliases := app.aliases(bob)
			check := func(what string) {
				for _, alias := range aliases {
					app.expect(t, gateway, app.page, alias, "")
					app.expect(t, gateway, app.page, alias+"; "+own, "alice")
					app.expect(t, gateway, app.page, own+"; "+alias, "alice")
				}
				for _, parameter := range app.parameters(bob) {
					app.expect(t, gateway, app.page+parameter, "", "")
					app.expect(t, gateway, app.page+parameter, own, "alice")
				}
				if t.Failed() {
					t.Fatal(what)
				}
			}
			check("while bob's session is good")
			app.expect(t, gateway, app.page, app.cookie+"="+bob, "bob") // so that it is known whose session is revoked
			revoke(t, gateway, bob)
			app.expect(t, gateway, app.page, app.cookie+"="+bob, "")
			check("when bob's session is revoked")
			for _, cookies := range app.disguises(bob) {
				app.expect(t, gateway, app.page, cookies, "")
			}
		})
	}
}

// disguises returns cookies that a revoked session could hide in: among others of its name, and in other spellings of its
// value.
func (a judgedApplication) disguises(session string) []string {
	own := a.cookie + "=" + session
	others := make([]string, 40)
	for i := range others {
		others[i] = fmt.Sprintf("%s=a-session-of-nobody-%d", a.cookie, i)
	}
	many := strings.Join(others, "; ")
	return []string{
		many + "; " + own, own + "; " + many, others[0] + "; " + own, own + "; " + others[0],
		a.cookie + `="` + session + `"`, a.cookie + "=" + fmt.Sprintf("%%%02x", session[0]) + session[1:],
	}
}

// The application itself takes the session from where the gateway removes it, so that the test above shows something.
func TestApplicationsReadAliases(t *testing.T) {
	for _, test := range []struct{ name, alias, parameter string }{
		{"php-fpm", "app.session=", ""}, {"tomcat-examples", "", ";jsessionid="},
	} {
		for _, app := range judgedApplications {
			if app.name != test.name {
				continue
			}
			t.Run(app.name, func(t *testing.T) {
				t.Parallel()
				gateway := startGatewayWith(t, app.name, app.bareCaddyfile(t), application(t, app.name))
				path, cookies := app.page, ""
				if bob := app.signIn(t, gateway.address, "bob"); test.alias != "" {
					cookies = test.alias + bob
				} else {
					path += test.parameter + bob
				}
				if user, _ := app.ask(t, gateway, path, cookies); user != "bob" {
					t.Errorf("the application sees %q with what stands for bob's session", user)
				}
			})
		}
	}
}

func (a judgedApplication) caddyfile(t *testing.T) string {
	t.Helper()
	return a.writeCaddyfile(t, fmt.Sprintf("jwt_session app {\n session_cookie %s\n %s\n unauthenticated pass\n}", a.cookie, a.whoami))
}

func (a judgedApplication) bareCaddyfile(t *testing.T) string {
	t.Helper()
	return a.writeCaddyfile(t, "")
}

// writeCaddyfile has the gateway say in a response header whom it names.
func (a judgedApplication) writeCaddyfile(t *testing.T, directive string) string {
	t.Helper()
	upstream := "reverse_proxy {$APP_ADDRESS}"
	if a.name == "php-fpm" {
		root, err := filepath.Abs("php-session/site")
		if err != nil {
			t.Fatal(err)
		}
		upstream = fmt.Sprintf("root * %q\nphp_fastcgi {$APP_ADDRESS}", root)
	}
	path := filepath.Join(t.TempDir(), "Caddyfile")
	text := fmt.Sprintf("{\n admin {$ADMIN_ADDRESS}\n persist_config off\n grace_period 3s\n}\n"+
		"http://:{$GATEWAY_PORT} {\n bind {$GATEWAY_HOST}\n header >OurApp-Named {http.auth.user.id}\n%s\n%s\n}\n", directive, upstream)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// signIn returns the value of the session cookie.
func (a judgedApplication) signIn(t *testing.T, address, user string) string {
	t.Helper()
	session := ""
	for i, path := range a.login {
		method, body := http.MethodGet, ""
		if i == len(a.login)-1 {
			method, body = http.MethodPost, url.Values{a.form[0]: {user}, a.form[1]: {user + "-pass-1"}}.Encode()
		}
		request, err := http.NewRequestWithContext(t.Context(), method, "http://"+address+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if session != "" {
			request.Header.Set("Cookie", a.cookie+"="+session)
		}
		response, err := http.DefaultTransport.RoundTrip(request) // follows no redirect
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		for _, cookie := range response.Cookies() {
			if cookie.Name == a.cookie {
				session = cookie.Value
			}
		}
	}
	if session == "" {
		t.Fatalf("%s did not sign %s in", a.name, user)
	}
	return session
}

// ask returns whom the application's page names, and whom the gateway named to it.
func (a judgedApplication) ask(t *testing.T, gateway runningGateway, path, cookies string) (page, header string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+gateway.address+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if cookies != "" {
		request.Header["Cookie"] = []string{cookies}
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if found := a.user.FindSubmatch(text); found != nil && string(found[1]) != "null" {
		page = string(found[1])
	}
	if header = response.Header.Get("OurApp-Named"); strings.HasPrefix(header, "{") {
		header = "" // the placeholder is not set
	}
	return page, header
}

func (a judgedApplication) expect(t *testing.T, gateway runningGateway, path, cookies, want string) {
	t.Helper()
	if page, header := a.ask(t, gateway, path, cookies); page != want || header != want {
		t.Errorf("%s with %q: the page names %q, the gateway %q, want %q", path, cookies, page, header, want)
	}
}

// aliases returns texts in which an application could find a session.
func (a judgedApplication) aliases(session string) []string {
	var aliases []string
	name := a.cookie
	for _, spelling := range []string{
		strings.ToUpper(name), strings.ToLower(name), strings.NewReplacer("_", ".", ".", "_").Replace(name), strings.NewReplacer("_", " ", ".", " ").Replace(name),
		strings.NewReplacer("_", "[", ".", "[").Replace(name), strings.NewReplacer("_", "%2e", ".", "%5f").Replace(name), fmt.Sprintf("%%%02x%s", name[0], name[1:]),
		"%20" + name, name + "%20", "\u00a0" + name, name + "\u00a0", "\xa0" + name, name + "\xa0", "\u3000" + name, name + "[]", name + "[x]", name + "%00", "x=y " + name, "x=y, " + name,
		"x=y," + name, "x y=z " + name, "=" + name, `x="y" ` + name, "$Version=1; x=y," + name, `"` + name,
	} {
		if spelling != name {
			aliases = append(aliases, spelling+"="+session)
		}
	}
	return append(aliases, `x="; `+aliases[0]+`"`, `x="y; $`+name+"="+session)
}

// parameters returns ends of a path in which an application could find a session.
func (a judgedApplication) parameters(session string) []string {
	session = strings.ReplaceAll(session, "%", "%25")
	var parameters []string
	for _, start := range []string{";", "%3B", "%3b", "%253B", ";x=1;", ";;"} {
		for _, name := range []string{a.cookie, strings.ToLower(a.cookie), strings.ToUpper(a.cookie), fmt.Sprintf("%%%02x%s", a.cookie[0], a.cookie[1:])} {
			if a.name != "tomcat-examples" && (start == ";x=1;" || start == ";;") {
				continue // what is left of the parameters is no path of the others
			}
			parameters = append(parameters, start+name+"="+session)
		}
	}
	return parameters
}

// revoke has the operator say no to a session.
func revoke(t *testing.T, gateway runningGateway, session string) {
	t.Helper()
	body := fmt.Sprintf(`{"realm": "app", "session": %q}`, session)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+gateway.admin+"/jwt_session/revocations", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(response.Body)
		t.Fatalf("revoking: status %d: %s", response.StatusCode, text)
	}
}
