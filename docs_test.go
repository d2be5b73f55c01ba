package jwtsession_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// page is one page below docs.
type page struct{ path, text string }

// docsPages returns all pages below docs.
func docsPages(t *testing.T) []page {
	t.Helper()
	var pages []page
	err := filepath.WalkDir("docs", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".md" {
			return err
		}
		text, err := os.ReadFile(path)
		pages = append(pages, page{path, string(text)})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return pages
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

// Caddy accepts every Caddyfile in the pages below docs. A block of code says what it is, so that none is passed over.
func TestDocsCaddyfiles(t *testing.T) {
	var withCaddyfile []string
	for _, page := range docsPages(t) {
		fences, err := fencesOf(page.text)
		if err != nil {
			t.Errorf("%s: %v", page.path, err)
		}
		for _, fence := range fences {
			switch fence.language {
			case "caddyfile":
				withCaddyfile = append(withCaddyfile, page.path)
				t.Run(fmt.Sprint(page.path, ":", fence.line), func(t *testing.T) {
					for _, name := range regexp.MustCompile(`\{env\.(\w+)\}`).FindAllStringSubmatch(fence.text, -1) {
						t.Setenv(name[1], "made-up")
					}
					if err := validateText(t, fence.text); err != nil {
						t.Error(err)
					}
				})
			case "text", "json", "sh", "mermaid":
			default:
				t.Errorf("%s:%d: say what the block is: want caddyfile, text, json, sh or mermaid, not %q", page.path, fence.line, fence.language)
			}
		}
	}
	for _, page := range docsPages(t) {
		if filepath.Dir(page.path) == filepath.Join("docs", "providers") && !slices.Contains(withCaddyfile, page.path) {
			t.Errorf("%s has no Caddyfile", page.path)
		}
	}
}

// Links between the pages lead somewhere, each provider's page is in the list, and the README leads to the list.
func TestDocsLinks(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	linked := map[string][]string{} // by page
	for _, page := range append(docsPages(t), page{"README.md", string(readme)}) {
		for line := range strings.Lines(page.text) {
			from := page.path
			if strings.HasPrefix(line, "> ") {
				from = "README.md" // a sentence of the README, with its links
			}
			for _, link := range regexp.MustCompile(`\]\(([^)\s]+)\)`).FindAllStringSubmatch(line, -1) {
				target, anchor, _ := strings.Cut(link[1], "#")
				if strings.Contains(target, "://") {
					continue
				}
				path := from
				if target != "" {
					path = filepath.Join(filepath.Dir(from), target)
				}
				text, err := os.ReadFile(path)
				if err != nil {
					t.Errorf("%s: %s leads nowhere", page.path, link[1])
				} else if anchor != "" && !slices.Contains(anchorsOf(string(text)), anchor) {
					t.Errorf("%s: %s: there is no such section", page.path, link[1])
				}
				linked[page.path] = append(linked[page.path], path)
			}
		}
	}
	list := filepath.Join("docs", "providers", "README.md")
	if !slices.Contains(linked["README.md"], list) {
		t.Errorf("the README does not lead to %s", list)
	}
	for _, page := range docsPages(t) {
		if filepath.Dir(page.path) == filepath.Dir(list) && page.path != list && !slices.Contains(linked[list], page.path) {
			t.Errorf("%s does not lead to %s", list, page.path)
		}
	}
}

// anchorsOf returns the names of the sections of a page, as GitHub makes them of the headings.
func anchorsOf(text string) []string {
	var anchors []string
	for _, heading := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(text, -1) {
		name := regexp.MustCompile(`[^\w\- ]`).ReplaceAllString(strings.ToLower(heading[1]), "")
		anchors = append(anchors, strings.ReplaceAll(name, " ", "-"))
	}
	return anchors
}

// The tests that the pages about providers name exist.
func TestDocsNameTestsThatExist(t *testing.T) {
	t.Parallel()
	known := testNames(t)
	for _, page := range docsPages(t) {
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
