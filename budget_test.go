package jwtsession_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The most that product code may have. The compiler does not keep a package from growing into one knot again.
const (
	maxFileLines   = 400
	maxFields      = 15 // of a struct; the exported fields of an exported type are its reference and do not count
	maxMethodFiles = 3  // with methods of one type
)

// size is how large a type is: how many of its fields count, and how many files have methods of it.
type size struct{ fields, files int }

// productFile is one file of a package, which is named as in the layout.
type productFile struct{ pkg, name, text string }

// productFiles returns all files of the module but the tests, those of other platforms included.
func productFiles(t *testing.T) []productFile {
	t.Helper()
	var files []productFile
	for of, one := range listPackages(t) {
		if !below(of, modulePath) {
			continue
		}
		names, err := filepath.Glob(filepath.Join(one.Dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, productFile{
				pkg: strings.TrimPrefix(strings.TrimPrefix(of, modulePath), "/"), name: filepath.Base(name), text: string(text),
			})
		}
	}
	return files
}

// budgetFaults returns what is larger than it may be, sorted.
func budgetFaults(files []productFile) ([]string, error) {
	var faults []string
	for _, file := range files {
		if lines := strings.Count(file.text, "\n"); lines > maxFileLines {
			faults = append(faults, fmt.Sprintf("%s has %d lines, %d are allowed", path.Join(file.pkg, file.name), lines, maxFileLines))
		}
	}
	sizes, err := sizesOf(files)
	if err != nil {
		return nil, err
	}
	for name, is := range sizes {
		if is.fields > maxFields {
			faults = append(faults, fmt.Sprintf("%s has %d fields, %d are allowed: group them", name, is.fields, maxFields))
		}
		if is.files > maxMethodFiles {
			faults = append(faults, fmt.Sprintf("%s has methods in %d files, %d are allowed: make several types of it", name, is.files,
				maxMethodFiles))
		}
	}
	slices.Sort(faults)
	return faults, nil
}

// sizesOf returns the sizes of all types with a name. The name of the package comes first, except in the root.
func sizesOf(files []productFile) (map[string]size, error) {
	sizes := make(map[string]size)
	methodFiles := make(map[string]map[string]bool)
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file.name, file.text, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		ast.Inspect(parsed, func(node ast.Node) bool {
			switch node := node.(type) {
			case *ast.FuncDecl:
				if name := receiverOf(node); name != "" {
					name = inPackage(file.pkg, name)
					if methodFiles[name] == nil {
						methodFiles[name] = make(map[string]bool)
					}
					methodFiles[name][file.name] = true
				}
			case *ast.TypeSpec:
				if written, ok := node.Type.(*ast.StructType); ok {
					name := inPackage(file.pkg, node.Name.Name)
					one := sizes[name]
					one.fields = max(one.fields, countFields(written, node.Name.IsExported()))
					sizes[name] = one
				}
			}
			return true
		})
	}
	for name, in := range methodFiles {
		one := sizes[name]
		one.files = len(in)
		sizes[name] = one
	}
	return sizes, nil
}

// inPackage returns a name with that of its package before it.
func inPackage(pkg, name string) string { return strings.TrimPrefix(pkg+"."+name, ".") }

// receiverOf returns the name of the type that a function is a method of, or nothing if it is none.
func receiverOf(function *ast.FuncDecl) string {
	if function.Recv == nil {
		return ""
	}
	of := function.Recv.List[0].Type
	for {
		switch wrapped := of.(type) {
		case *ast.StarExpr:
			of = wrapped.X
		case *ast.ParenExpr:
			of = wrapped.X
		case *ast.IndexExpr: // a type parameter
			of = wrapped.X
		case *ast.IndexListExpr: // several
			of = wrapped.X
		case *ast.Ident:
			return wrapped.Name
		default:
			return ""
		}
	}
}

// countFields returns how many fields of a struct count. An embedded type counts as one.
func countFields(written *ast.StructType, exported bool) int {
	count := 0
	for _, field := range written.Fields.List {
		if len(field.Names) == 0 {
			count++
		}
		for _, name := range field.Names {
			if !exported || !name.IsExported() {
				count++
			}
		}
	}
	return count
}

// The budget finds what it is for.
func TestLayoutBudgetFindsWhatIsTooLarge(t *testing.T) {
	t.Parallel()
	fields := func(prefix string, count int) string {
		names := make([]string, count)
		for i := range names {
			names[i] = fmt.Sprint(prefix, i)
		}
		return strings.Join(names, ", ") + " int\n"
	}
	small := productFile{"a", "small.go", "package a\ntype small struct {" + fields("f", maxFields) + "}\n" +
		"type Options struct {" + fields("F", 2*maxFields) + fields("f", maxFields) + "}\n"}
	methods := func(files int, receiver string) []productFile {
		var all []productFile
		for i := range files {
			all = append(all, productFile{"a", fmt.Sprintf("%d.go", i), fmt.Sprintf("package a\nfunc (%s) f%d() {}\n", receiver, i)})
		}
		return all
	}
	for name, c := range map[string]struct {
		files []productFile
		want  []string
	}{
		"nothing is too large": {append(methods(maxMethodFiles, "s *small"), small), nil},
		"a long file": {
			[]productFile{{"a/b", "long.go", "package b" + strings.Repeat("\n", maxFileLines+1)}},
			[]string{"a/b/long.go has 401 lines, 400 are allowed"},
		},
		"too many fields": {
			[]productFile{{"a", "a.go", "package a\ntype t struct { x\n" + fields("F", maxFields) + "}\n"}},
			[]string{"a.t has 16 fields, 15 are allowed: group them"},
		},
		"too many fields of an exported type": {
			[]productFile{{"", "a.go", "package a\ntype T struct { F int\n" + fields("f", 16) + "}\n"}},
			[]string{"T has 16 fields, 15 are allowed: group them"},
		},
		"too many fields inside of a function": {
			[]productFile{{"", "a.go", "package a\nfunc f() { type t struct {" + fields("f", 16) + "} }\n"}},
			[]string{"t has 16 fields, 15 are allowed: group them"},
		},
		"methods in too many files": {
			methods(4, "t *T"),
			[]string{"a.T has methods in 4 files, 3 are allowed: make several types of it"},
		},
		"methods of a generic type": {
			methods(4, "t *T[K, V]"),
			[]string{"a.T has methods in 4 files, 3 are allowed: make several types of it"},
		},
	} {
		if got, err := budgetFaults(c.files); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, %v, want %q", name, got, err, c.want)
		}
	}
	if _, err := budgetFaults([]productFile{{"", "broken.go", "package"}}); err == nil {
		t.Error("a broken file has no faults")
	}
}
