package arch

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// root is the top of the repository, seen from this package.
const root = "../.."

// file is one Go file of the tree.
type file struct {
	path  string // below the module, with slashes
	test  bool
	lines int
	ast   *ast.File
}

func (f file) pkg() string { return path.Dir(f.path) }

// product says whether f is compiled into what is delivered.
func (f file) product() bool {
	return !f.test && f.pkg() != "testnet" && !strings.HasPrefix(f.path, "testnet/")
}

// tree reads every Go file, whatever system it is for.
func tree(t *testing.T) []file {
	t.Helper()
	var files []file
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != root && (strings.ContainsRune("._", rune(d.Name()[0])) || d.Name() == "testdata"):
			return filepath.SkipDir
		case d.IsDir() || filepath.Ext(name) != ".go" || strings.ContainsRune("._", rune(d.Name()[0])):
			return nil
		}
		f, err := read(name)
		files = append(files, f)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatal("no Go files under " + root)
	}
	return files
}

func read(name string) (file, error) {
	src, err := os.ReadFile(name)
	if err != nil {
		return file{}, err
	}
	parsed, err := parser.ParseFile(token.NewFileSet(), name, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return file{}, err
	}
	rel, err := filepath.Rel(root, name)
	return file{
		path:  filepath.ToSlash(rel),
		test:  strings.HasSuffix(name, "_test.go"),
		lines: bytes.Count(src, []byte("\n")),
		ast:   parsed,
	}, err
}

func TestImports(t *testing.T) {
	for _, f := range tree(t) {
		row, ok := Find(f.pkg())
		if !ok {
			t.Errorf("%s: package %s has no row in the table", f.path, f.pkg())
			continue
		}
		for _, spec := range f.ast.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			if !row.Allows(imported, f.test) {
				t.Errorf("%s: package %s on floor %d may not import %s", f.path, row.Path, row.Floor, imported)
			}
		}
	}
}

// Every package says what it is, in one file.
func TestPackageComments(t *testing.T) {
	comments := map[string][]string{}
	for _, f := range tree(t) {
		if f.test {
			continue
		}
		list := comments[f.pkg()]
		if doc := f.ast.Doc.Text(); doc != "" {
			list = append(list, doc)
			name := f.ast.Name.Name
			if name != "main" && !strings.HasPrefix(doc, "Package "+name+" ") {
				t.Errorf("%s: the package comment does not begin with Package %s", f.path, name)
			}
		}
		comments[f.pkg()] = list
	}
	for pkg, list := range comments {
		if len(list) != 1 {
			t.Errorf("package %s has %d package comments, want 1", pkg, len(list))
		}
	}
}

func TestFilesAreShort(t *testing.T) {
	for _, f := range tree(t) {
		if !f.test && f.lines >= MaxLines {
			t.Errorf("%s has %d lines, want under %d", f.path, f.lines, MaxLines)
		}
	}
}

// Nothing runs because a package is imported.
func TestNoInit(t *testing.T) {
	for _, f := range tree(t) {
		for _, d := range f.ast.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				t.Errorf("%s has an init function", f.path)
			}
		}
	}
}

// Every goroutine has an owner and an end, and a line in node/doc.go that tells
// them: one line for each go statement, which begins with its file's path, below
// node or below the module.
func TestGoroutinesAreListed(t *testing.T) {
	var doc string
	started := map[string]int{}
	total := 0
	for _, f := range tree(t) {
		if f.path == "node/doc.go" {
			doc = f.ast.Doc.Text()
		}
		if n := goStatements(f.ast); n > 0 && f.product() {
			started[f.path] = n
			total += n
		}
	}
	if total > MaxGo {
		t.Errorf("%d go statements in the product, want at most %d", total, MaxGo)
	}
	listed := map[string]int{}
	for line := range strings.Lines(doc) {
		name := strings.Fields(line + " .")[0]
		if !strings.HasPrefix(line, "\t") || path.Ext(name) != ".go" {
			continue
		}
		if started[name] == 0 {
			name = "node/" + name
		}
		listed[name]++
	}
	for name, n := range started {
		if listed[name] != n {
			t.Errorf("%s has %d go statements, node/doc.go lists %d of them", name, n, listed[name])
		}
		delete(listed, name)
	}
	for name, n := range listed {
		t.Errorf("node/doc.go lists %d go statements in %s, which has none", n, name)
	}
}

func goStatements(f *ast.File) (n int) {
	ast.Inspect(f, func(node ast.Node) bool {
		if _, ok := node.(*ast.GoStmt); ok {
			n++
		}
		return true
	})
	return n
}

// The top level holds what the house plan says, besides dot-files and what
// .gitignore calls a build's output there.
func TestTopLevel(t *testing.T) {
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	ignored, err := os.ReadFile(filepath.Join(root, ".gitignore"))
	if err != nil {
		t.Fatal(err)
	}
	outputs := strings.Split(string(ignored), "\n")
	missing := slices.Clone(Root)
	for _, e := range entries {
		name := e.Name()
		if i := slices.Index(missing, name); i >= 0 {
			missing = slices.Delete(missing, i, i+1)
			continue
		}
		if name[0] != '.' && !slices.Contains(outputs, "/"+name) {
			t.Errorf("%s does not belong at the top level", name)
		}
	}
	if len(missing) > 0 {
		t.Errorf("the top level lacks %v", missing)
	}
}

// The device's tool stays small: no libp2p in what it links.
func TestToolHasNoLibp2p(t *testing.T) {
	for _, pkg := range []string{"node/client", "cmd/presence"} {
		t.Run(pkg, func(t *testing.T) {
			if _, err := os.Stat(filepath.Join(root, pkg)); err != nil {
				t.Skip(err)
			}
			list := exec.Command("go", "list", "-deps", "./"+pkg)
			list.Dir = root
			list.Stderr = os.Stderr
			out, err := list.Output()
			if err != nil {
				t.Fatalf("%v: %v", list, err)
			}
			for dep := range strings.Lines(string(out)) {
				if strings.Contains(dep, "libp2p") {
					t.Errorf("%s links %s", pkg, dep)
				}
			}
		})
	}
}
