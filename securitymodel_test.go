package jwtsession_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// What the docs say of security is what tests show: docs/security-model.md names them for each sentence.
func TestSecurityModelIsShownByTests(t *testing.T) {
	t.Parallel()
	const page = "docs/explanation/security.md"
	withoutTargets := func(text string) string { return regexp.MustCompile(`\]\([^)]*\)`).ReplaceAllString(text, "]") } // of links
	section, list := withoutTargets(sectionOf(t, page, "## What holds")), withoutTargets(readPage(t, "docs/security-model.md"))
	said := regexp.MustCompile(`[.:] (?:- )?([A-Z*\x60])`).ReplaceAllStringFunc(
		strings.TrimPrefix(strings.Join(strings.Fields(section), " "), "- "),
		func(end string) string { return end[:1] + "\n" + strings.TrimPrefix(end[2:], "- ") })
	known := testNames(t)
	var listed []string
	sentence, shown := "", 0
	for line := range strings.SplitSeq(list+"\n> ", "\n") {
		if text, isSentence := strings.CutPrefix(line, "> "); isSentence {
			if sentence != "" && shown == 0 {
				t.Errorf("no test shows %q", sentence)
			}
			sentence, shown = text, 0
			listed = append(listed, text)
			continue
		}
		for _, name := range regexp.MustCompile("`(Test[A-Za-z0-9_]+)`").FindAllStringSubmatch(line, -1) {
			if shown++; !slices.Contains(known, name[1]) {
				t.Errorf("%s, which shows %q, does not exist", name[1], sentence)
			}
		}
	}
	listed = listed[:len(listed)-1]
	if got := strings.Split(said, "\n"); !slices.Equal(got, listed) {
		for i := range max(len(got), len(listed)) {
			if i >= len(got) || i >= len(listed) || got[i] != listed[i] {
				t.Fatalf("sentence %d differs:\npage: %q\nlist: %q", i+1, at(got, i), at(listed, i))
			}
		}
	}
}

// Each threat of the table names the tests that show what stops it.
func TestThreatsAreShownByTests(t *testing.T) {
	t.Parallel()
	rows := strings.Split(strings.TrimSpace(sectionOf(t, "docs/explanation/security.md", "## Threats")), "\n")
	if len(rows) < 12 {
		t.Errorf("%d threats", len(rows)-2)
	}
	for _, row := range rows[2:] { // TestDocsNameTestsThatExist asks whether these exist
		if cells := strings.Split(row, "|"); len(cells) != 6 || !strings.Contains(cells[4], "`Test") {
			t.Errorf("no test shows %s", row)
		}
	}
}

func at(texts []string, i int) string {
	if i < len(texts) {
		return texts[i]
	}
	return ""
}

// testNames returns the names of all tests of the module.
func testNames(t *testing.T) []string {
	t.Helper()
	var names []string
	declaration := regexp.MustCompile(`(?m)^func (Test[A-Za-z0-9_]+)\(`)
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, match := range declaration.FindAllStringSubmatch(string(text), -1) {
			names = append(names, match[1])
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
