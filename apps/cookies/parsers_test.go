package cookies

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/alias"
	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

// notInstalled is the exit code by which install.sh says that something is missing.
const notInstalled = 77

// question asks a parser for what it reads under a name, or under all that begin so where the name ends in *.
type question struct{ name, header string }

// parsers answer questions: each with the cookies found, as hexadecimal name=value separated by spaces.
var parsers = []struct {
	name string
	read func(t *testing.T, questions []question) []string
}{
	{"php", readWithPHP},
	{"http.cookies", readWith("python3", "read.py", "http.cookies")},
	{"flask", readWith("python3", "read.py", "flask")},
	{"django", readWith("python3", "read.py", "django")},
	{"cookie-0.4", readWith("node", "read.js", "cookie-0.4")},
	{"cookie-0.7", readWith("node", "read.js", "cookie-0.7")},
	{"cookie-1", readWith("node", "read.js", "cookie-1")},
	{"rack", readWith("ruby", "read.rb")},
	{"tomcat10-Rfc6265CookieProcessor", readWith("java", "Read.java", "Rfc6265CookieProcessor")},
	{"tomcat9-Rfc6265CookieProcessor", readWith("java", "Read.java", "Rfc6265CookieProcessor")},
	{"tomcat9-LegacyCookieProcessor", readWith("java", "Read.java", "LegacyCookieProcessor")},
}

// request is one generated request, and what the gateway makes of it.
type request struct {
	names    []string
	lines    []string
	upstream string            // the one Cookie line that goes upstream
	judged   validator.Cookies // the session cookies that the gateway reads, those without a value left out
}

func generate(count int) []request {
	random := rand.New(rand.NewPCG(1, 2))
	requests := make([]request, count)
	for i := range requests {
		names := nameSets[random.IntN(len(nameSets))]
		g := generator{Rand: random, names: names}
		r := request{names: names, lines: g.lines()}
		sessions, err := validator.NewSessionCookies(names...)
		if err != nil {
			panic(err)
		}
		cookies, err := validator.ScanCookies(r.lines)
		if err != nil {
			panic(err)
		}
		for _, one := range cookies {
			if sessions.Match(one.Name) && one.Value != "" {
				r.judged = append(r.judged, one)
			}
		}
		upstream, _ := alias.NewNames(names...).Clean(r.lines)
		r.upstream = strings.Join(upstream, "; ")
		requests[i] = r
	}
	return requests
}

// What an application reads under a session cookie's name from what goes upstream is exactly what the gateway has judged,
// put alone through the same parser, or nothing. COOKIE_INPUTS says how many requests are tried.
func TestParsersReadWhatWasJudged(t *testing.T) {
	count, err := strconv.Atoi(cmp.Or(os.Getenv("COOKIE_INPUTS"), "5000"))
	if err != nil {
		t.Fatal(err)
	}
	requests := generate(count)
	t.Setenv("PACKAGES_DIR", t.TempDir())
	for _, parser := range parsers {
		t.Run(parser.name, func(t *testing.T) {
			install(t, parser.name)
			compare(t, requests, func(questions []question) []string { return parser.read(t, questions) })
		})
	}
}

// compare puts three kinds of questions in one go: what goes upstream, what the client sent, and each judged cookie alone.
func compare(t *testing.T, requests []request, read func([]question) []string) {
	t.Helper()
	places := make(map[question]int)
	var questions []question
	ask := func(name, header string) int {
		asked := question{name, header}
		if _, known := places[asked]; !known {
			places[asked] = len(questions)
			questions = append(questions, asked)
		}
		return places[asked]
	}
	type comparison struct {
		request
		name           string
		upstream, sent int
		alone          []int
	}
	var comparisons []comparison
	for _, r := range requests {
		for _, name := range r.names {
			one := comparison{request: r, name: name, upstream: ask(name, r.upstream), sent: ask(name, strings.Join(r.lines, "; "))}
			for _, judged := range r.judged {
				one.alone = append(one.alone, ask(name, judged.Name+"="+judged.Value))
			}
			comparisons = append(comparisons, one)
		}
	}
	answers := read(questions)
	if len(answers) != len(questions) {
		t.Fatalf("%d answers to %d questions", len(answers), len(questions))
	}
	wrong, wrongBefore, found := 0, 0, 0
	for _, one := range comparisons {
		allowed := make(map[string]bool)
		for _, alone := range one.alone {
			for _, read := range strings.Fields(answers[alone]) {
				allowed[read] = true
			}
		}
		if unexpected(answers[one.sent], allowed) != "" {
			wrongBefore++
		}
		if answers[one.upstream] != "" {
			found++
		}
		if read := unexpected(answers[one.upstream], allowed); read != "" {
			if wrong++; wrong <= 10 {
				t.Errorf("%s: of %q\n goes upstream %q\n where it reads %s;\n judged was %q", one.name, one.lines, one.request.upstream, show(read), one.judged)
			}
		}
	}
	t.Logf("%d requests; a session cookie found %d times; read otherwise than judged %d times without the gateway, %d times behind it",
		len(requests), found, wrongBefore, wrong)
	if wrong > 0 {
		t.Errorf("%d disagreements", wrong)
	}
	if found == 0 {
		t.Error("the requests show nothing")
	}
}

// unexpected returns a cookie that was read and is not allowed. One without a value is none.
func unexpected(answer string, allowed map[string]bool) string {
	for _, read := range strings.Fields(answer) {
		if !strings.HasSuffix(read, "=") && !allowed[read] {
			return read
		}
	}
	return ""
}

func show(read string) string {
	name, value, _ := strings.Cut(read, "=")
	nameText, _ := hex.DecodeString(name)
	text, err := hex.DecodeString(value)
	if err != nil {
		return value
	}
	return strconv.Quote(string(nameText)) + "=" + strconv.Quote(string(text))
}

// readWith returns a reader that gives all questions to a program at once.
func readWith(program string, arguments ...string) func(t *testing.T, questions []question) []string {
	return func(t *testing.T, questions []question) []string {
		t.Helper()
		var input bytes.Buffer
		for _, asked := range questions {
			input.WriteString("." + hex.EncodeToString([]byte(asked.name)) + " ." + hex.EncodeToString([]byte(asked.header)) + "\n")
		}
		command := exec.CommandContext(t.Context(), program, arguments...)
		command.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
		switch program {
		case "python3": // Debian's, which has Debian's packages
			command = exec.CommandContext(t.Context(), "/usr/bin/python3", arguments...)
			command.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
		case "node":
			command.Env = append(os.Environ(), "NODE_PATH="+filepath.Join(os.Getenv("RUN_DIR"), "node_modules"))
		case "java":
			// One compiler tier compiles Read.java soonest.
			command.Args = slices.Insert(command.Args, 1, "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", classPath(t))
		}
		command.Stdin, command.Stderr = &input, os.Stderr
		output, err := command.Output()
		if err != nil {
			t.Fatalf("%s %s: %v", program, arguments, err)
		}
		return strings.Split(strings.TrimSuffix(string(output), "\n"), "\n")
	}
}

// classPath returns Debian's libraries of the Tomcat that the running test is named after.
func classPath(t *testing.T) string {
	t.Helper()
	_, name, _ := strings.Cut(t.Name(), "/")
	version, _, _ := strings.Cut(name, "-")
	jars, err := filepath.Glob("/usr/share/java/" + version + "-*.jar")
	if err != nil || len(jars) == 0 {
		t.Fatalf("there are no libraries of %s: %v", version, err)
	}
	return strings.Join(jars, ":")
}

// install installs what a parser needs, or skips the test where it may not.
func install(t *testing.T, parser string) {
	t.Helper()
	t.Setenv("RUN_DIR", t.TempDir())
	if os.Getenv("REQUIRE_APPS") != "1" {
		t.Setenv("INSTALL", "0")
		if _, err := exec.LookPath("bash"); err != nil {
			t.Skip("install.sh needs bash")
		}
	}
	output, err := exec.CommandContext(t.Context(), "./install.sh", "0", parser).CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == notInstalled {
		t.Skipf("%s(or run as root with REQUIRE_APPS=1)", output)
	}
	if err != nil {
		t.Fatalf("installing %s: %v\n%s", parser, err, output)
	}
}
