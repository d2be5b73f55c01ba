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

// What the README says of security is what tests show: docs/security-model.md names them for each sentence.
func TestSecurityModelIsShownByTests(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	list, err := os.ReadFile("docs/security-model.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(readme), "\n## Security model\n")
	if section, _, _ = strings.Cut(section, "\n## "); !found {
		t.Fatal("the README has no section on the security model")
	}
	said := regexp.MustCompile(`[.:] (?:- )?([A-Z*\x60])`).ReplaceAllStringFunc(
		strings.TrimPrefix(strings.Join(strings.Fields(section), " "), "- "),
		func(end string) string { return end[:1] + "\n" + strings.TrimPrefix(end[2:], "- ") })
	known := testNames(t)
	var listed []string
	sentence, shown := "", 0
	for line := range strings.SplitSeq(string(list)+"\n> ", "\n") {
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
				t.Fatalf("sentence %d differs:\nREADME: %q\nlist:   %q", i+1, at(got, i), at(listed, i))
			}
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
