package jwtsession_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// page is one Markdown file, with the path from the root.
type page struct{ path, text string }

// markdownPages returns all Markdown files of the repository.
func markdownPages(t *testing.T) []page {
	t.Helper()
	var pages []page
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && path != "." && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "node_modules") {
			return fs.SkipDir
		}
		if entry.IsDir() || filepath.Ext(path) != ".md" {
			return nil
		}
		text, err := os.ReadFile(path)
		pages = append(pages, page{filepath.ToSlash(path), string(text)})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return pages
}

// readPage returns the text of one Markdown file.
func readPage(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.FromSlash(path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// sectionOf returns what stands below a heading, up to the next heading of any level. The heading is given with its signs.
func sectionOf(t *testing.T, path, heading string) string {
	t.Helper()
	_, section, found := strings.Cut("\n"+readPage(t, path), "\n"+heading+"\n")
	if !found {
		t.Fatalf("%s has no section %q", path, heading)
	}
	if end := regexp.MustCompile(`(?m)^#+ `).FindStringIndex(section); end != nil {
		section = section[:end[0]]
	}
	return section
}

// fence is a block of code in a page.
type fence struct {
	language, text string
	line           int // that it begins in
}

// fencesOf returns the blocks of code of a page, and an error for one that does not end.
func fencesOf(text string) ([]fence, error) {
	var fences []fence
	var open *fence
	for i, line := range strings.Split(text, "\n") {
		mark, language, _ := strings.Cut(strings.TrimSpace(line), "```")
		switch isFence := mark == "" && strings.HasPrefix(strings.TrimSpace(line), "```"); {
		case isFence && open == nil:
			open = &fence{language: language, line: i + 1}
		case isFence:
			fences = append(fences, *open)
			open = nil
		case open != nil:
			open.text += line + "\n"
		}
	}
	if open != nil {
		return nil, fmt.Errorf("the block of line %d does not end", open.line)
	}
	return fences, nil
}

// caddyfilesIn returns the Caddyfiles of a text, as they stand there.
func caddyfilesIn(t *testing.T, text string) []string {
	t.Helper()
	fences, err := fencesOf(text)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, fence := range fences {
		if fence.language == "caddyfile" {
			found = append(found, fence.text)
		}
	}
	return found
}

// wholeCaddyfile makes a Caddyfile of what a page shows: directives alone get a site around them, and global options alone a
// site beside them.
func wholeCaddyfile(text string) string {
	switch {
	case strings.HasPrefix(text, "{") && strings.Index(text, "\n}\n") == len(text)-len("\n}\n"):
		return text + "http:// {\n respond ok\n}\n"
	case regexp.MustCompile(`^(jwt_session\w*|reverse_proxy|route|handle\w*|log|@\w+)\b`).MatchString(text):
		return "http:// {\n" + text + "\n}\n"
	default:
		return text
	}
}

// minCaddyfiles is how many Caddyfiles the pages have, at least. Whoever removes one on purpose counts again.
const minCaddyfiles = 55

// Caddy accepts every Caddyfile in every page. A block of code says what it is, so that none is passed over.
func TestDocsCaddyfiles(t *testing.T) {
	values := map[string]string{
		"OPS_PASSWORD_HASH":  "$2a$14$9nUV5OhC.Gyqyh/9ND2MKuVY/aPJ2FzxUT4eJ1Uo5QXzCXJzdV3rS",
		"JWT_SESSION_SECRET": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
	}
	withCaddyfile := make(map[string]int)
	total := 0
	for _, page := range markdownPages(t) {
		fences, err := fencesOf(page.text)
		if err != nil {
			t.Errorf("%s: %v", page.path, err)
		}
		for _, fence := range fences {
			at := fmt.Sprint(page.path, ":", fence.line)
			switch fence.language {
			case "caddyfile":
				withCaddyfile[page.path]++
				total++
				t.Run(at, func(t *testing.T) {
					for _, name := range regexp.MustCompile(`\{env\.(\w+)\}`).FindAllStringSubmatch(fence.text, -1) {
						t.Setenv(name[1], cmp.Or(values[name[1]], "made-up"))
					}
					if err := validateText(t, wholeCaddyfile(fence.text)); err != nil {
						t.Error(err)
					}
				})
			case "json":
				if !json.Valid([]byte(fence.text)) {
					t.Errorf("%s: this is no JSON", at)
				}
			case "text", "sh", "mermaid":
			default:
				t.Errorf("%s: say what the block is: want caddyfile, text, json, sh or mermaid, not %q", at, fence.language)
			}
		}
		if path.Dir(page.path) == "docs/providers" && withCaddyfile[page.path] == 0 {
			t.Errorf("%s has no Caddyfile", page.path)
		}
	}
	if total < minCaddyfiles {
		t.Errorf("the pages have %d Caddyfiles, want at least %d", total, minCaddyfiles)
	}
}

func TestWholeCaddyfile(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"{\n\tadmin off\n}\n":                        "{\n\tadmin off\n}\nhttp:// {\n respond ok\n}\n",
		"{\n\tadmin off\n}\nexample.com {\n}\n":      "{\n\tadmin off\n}\nexample.com {\n}\n",
		"jwt_session_jwks\n":                         "http:// {\njwt_session_jwks\n\n}\n",
		"@a path /a\njwt_session shop\n":             "http:// {\n@a path /a\njwt_session shop\n\n}\n",
		"example.com {\n\tjwt_session shop\n}\n":     "example.com {\n\tjwt_session shop\n}\n",
		"http://localhost:8080 {\n\trespond ok\n}\n": "http://localhost:8080 {\n\trespond ok\n}\n",
		"logs.example.com {\n\trespond ok\n}\n":      "logs.example.com {\n\trespond ok\n}\n",
		"handle_errors 400 {\n\trespond ok\n}\n":     "http:// {\nhandle_errors 400 {\n\trespond ok\n}\n\n}\n",
		"reverse_proxy localhost:1\n{\n}\n":          "http:// {\nreverse_proxy localhost:1\n{\n}\n\n}\n",
		"{\n\tlog {\n\t}\n}\nroute.example {\n}\n":   "{\n\tlog {\n\t}\n}\nroute.example {\n}\n",
	} {
		if got := wholeCaddyfile(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// Links between the pages lead somewhere, anchors included.
func TestDocsLinks(t *testing.T) {
	t.Parallel()
	for _, page := range markdownPages(t) {
		for _, link := range linksIn(page.text) {
			target, anchor, _ := strings.Cut(link, "#")
			if strings.Contains(target, "://") {
				continue
			}
			file := page.path
			if target != "" {
				file = filepath.Join(filepath.Dir(page.path), filepath.FromSlash(target))
			}
			info, err := os.Stat(file)
			switch {
			case err != nil || strings.HasPrefix(target, "/"):
				t.Errorf("%s: %s leads nowhere", page.path, link)
			case anchor != "" && (info.IsDir() || !slices.Contains(anchorsOf(readPage(t, file)), anchor)):
				t.Errorf("%s: %s: there is no such section", page.path, link)
			}
		}
	}
}

// linksIn returns the targets of the links of a page. What stands in code is no link.
func linksIn(text string) []string {
	text = regexp.MustCompile("(?ms)^ *```.*?^ *```$").ReplaceAllString(text, "")
	text = regexp.MustCompile("(?m)^ {4}.*$").ReplaceAllString(text, "")
	text = regexp.MustCompile("``.+?``|`[^`\n]+`").ReplaceAllString(text, "code")
	var links []string
	for _, link := range regexp.MustCompile(`\]\(([^)\s]+)\)`).FindAllStringSubmatch(text, -1) {
		links = append(links, link[1])
	}
	return links
}

// anchorsOf returns the names of the sections of a page, as GitHub makes them of the headings.
func anchorsOf(text string) []string {
	text = regexp.MustCompile("(?ms)^ *```.*?^ *```$").ReplaceAllString(text, "")
	seen := make(map[string]int)
	var anchors []string
	for _, heading := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(text, -1) {
		name := regexp.MustCompile(`\]\([^)]*\)`).ReplaceAllString(heading[1], "")
		name = regexp.MustCompile(`[^\p{L}\p{N}_\- ]`).ReplaceAllString(strings.ToLower(name), "")
		name = strings.ReplaceAll(name, " ", "-")
		if seen[name]++; seen[name] > 1 {
			name = fmt.Sprint(name, "-", seen[name]-1)
		}
		anchors = append(anchors, name)
	}
	return anchors
}

func TestLinksAndAnchors(t *testing.T) {
	t.Parallel()
	links := linksIn("[a](b.md) `[c](d.md)` ``[e](f.md) ` ``\n\n    [g](h.md)\n\n```text\n[i](j.md)\n```\n![k](l.svg) [m\nn](o.md#p)\n")
	if want := []string{"b.md", "l.svg", "o.md#p"}; !slices.Equal(links, want) {
		t.Errorf("got %q, want %q", links, want)
	}
	anchors := anchorsOf("# A `b_c`, d!\n## E [f](g.md)\n```sh\n# comment\n```\n### A b_c d\n#### 1. Über uns\n")
	if want := []string{"a-b_c-d", "e-f", "a-b_c-d-1", "1-über-uns"}; !slices.Equal(anchors, want) {
		t.Errorf("got %q, want %q", anchors, want)
	}
}

// The list of the pages leads to every page below docs, and so does the list of the providers to theirs. The README leads to both.
func TestDocsListEveryPage(t *testing.T) {
	t.Parallel()
	const all, providers = "docs/README.md", "docs/providers/README.md"
	linked := make(map[string][]string)
	for _, from := range []string{"README.md", all, providers} {
		for _, link := range linksIn(readPage(t, from)) {
			target, _, _ := strings.Cut(link, "#")
			linked[from] = append(linked[from], path.Join(path.Dir(from), target))
		}
	}
	for _, page := range markdownPages(t) {
		list := all
		switch {
		case !strings.HasPrefix(page.path, "docs/") || page.path == all:
			continue
		case strings.HasPrefix(page.path, "docs/providers/") && page.path != providers:
			list = providers
		}
		if !slices.Contains(linked[list], page.path) {
			t.Errorf("%s does not lead to %s", list, page.path)
		}
	}
	for _, list := range []string{all, providers, "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"} {
		if !slices.Contains(linked["README.md"], list) {
			t.Errorf("the README does not lead to %s", list)
		}
	}
}

// The README stays short. What is longer has a page below docs.
func TestReadmeIsShort(t *testing.T) {
	t.Parallel()
	if lines := strings.Count(readPage(t, "README.md"), "\n"); lines > 150 {
		t.Errorf("the README has %d lines, 150 are allowed", lines)
	}
}

// The README says what nobody may overlook: how to make an exception, what PHP gets, and what a "remember me" cookie is.
func TestReadmeSaysWhatNobodyMayOverlook(t *testing.T) {
	t.Parallel()
	readme := strings.Join(strings.Fields(readPage(t, "README.md")), " ")
	for _, words := range []string{
		"write `unauthenticated <matcher> pass`, and not a matcher on `jwt_session` itself", "`env REMOTE_USER \"\"`",
		"Such a cookie is a credential of the application's own", "go test ./...", "go run ./example", "xcaddy build --with " + modulePath,
	} {
		if !strings.Contains(readme, words) {
			t.Errorf("the README does not say %q", words)
		}
	}
}

// CI runs the tests with the command that contributors find.
func TestContributingHasTheCommandOfCI(t *testing.T) {
	t.Parallel()
	fences, err := fencesOf(sectionOf(t, "CONTRIBUTING.md", "## Test"))
	if err != nil || len(fences) != 2 {
		t.Fatalf("the section has %d blocks, %v", len(fences), err)
	}
	run := readPage(t, ".ci/run")
	if command := fences[1].text; !strings.Contains(run, "\n"+command) {
		t.Errorf(".ci/run does not run %s", command)
	}
}

// The tests that the pages name exist.
func TestDocsNameTestsThatExist(t *testing.T) {
	t.Parallel()
	known := testNames(t)
	for _, page := range markdownPages(t) {
		for _, name := range regexp.MustCompile("`(Test[A-Za-z0-9_]+)`").FindAllStringSubmatch(page.text, -1) {
			if !slices.Contains(known, name[1]) {
				t.Errorf("%s: %s does not exist", page.path, name[1])
			}
		}
	}
}

func TestFencesOf(t *testing.T) {
	t.Parallel()
	got, err := fencesOf("a\n```caddyfile\nb {\n}\n```\n- c\n\n  ```\n  d\n  ```\n```json\n```\n")
	want := []fence{{"caddyfile", "b {\n}\n", 2}, {"", "  d\n", 8}, {"json", "", 11}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := fencesOf("```caddyfile\nb {\n}\n"); err == nil {
		t.Error("a block that does not end is accepted")
	}
}

// What the page about several gateways says of the server's user is the file that the example runs with, and what the store
// itself asks for, less what is dangerous.
func TestDocsServerUser(t *testing.T) {
	t.Parallel()
	read := func(path ...string) string {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(path...))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	users := read("example", "cluster", "users.acl")
	if !strings.Contains(read("docs", "several-gateways.md"), "```text\n"+users+"```\n") {
		t.Error("docs/several-gateways.md has other users than example/cluster/users.acl")
	}
	rights := strings.Replace(users[strings.Index(users, "~"):], " -@dangerous", "", 1)
	source := strings.Replace(read("sessions", "redisstore", "failure.go"), " -@dangerous", "", 1)
	if !strings.Contains(source, `neededACL = "`+strings.TrimSpace(rights)) {
		t.Errorf("the store asks for other rights than %s", rights)
	}
}
