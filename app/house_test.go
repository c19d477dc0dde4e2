package app_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "stagecraft"

// house is the table of the design: what each package may import of ours. Levels need no check of their own: a package
// may import only what is named here, and nothing is named that is not below.
var house = map[string][]string{
	"app/lifecycle": {},
	"app/config":    {},
	"app/channels":  {"plugins/channel", "app/lifecycle"},
	"app/script":    {"app/lifecycle"},
	"app/store":     {"app/lifecycle"},
	"app/engine":    {"app/script", "app/store", "app/lifecycle"},
	"app/delivery":  {"app/channels", "app/store", "app/lifecycle"},
	"app/insight":   {"app/store", "app/lifecycle"},
	"app/web": {"app/engine", "app/delivery", "app/insight", "app/channels", "app/script", "app/store", "app/lifecycle",
		"app/config", "assets", "scripts", "docs"},
	"app": {"app/web", "app/engine", "app/delivery", "app/insight", "app/channels", "app/script", "app/store", "app/lifecycle",
		"app/config", "assets", "scripts", "plugins/"},
	"app/cli": {"app", "app/web", "app/engine", "app/delivery", "app/insight", "app/channels", "app/script", "app/store",
		"app/lifecycle", "app/config", "assets", "scripts", "plugins/"},
	"assets":  {},
	"docs":    {},
	"scripts": {},
	".":       {"app/cli"},
}

// levels orders the table, to check that the table itself goes strictly down.
var levels = map[string]int{
	"app/lifecycle": 1, "app/config": 1, "app/channels": 2, "app/script": 2, "app/store": 2, "app/engine": 3,
	"app/delivery": 3, "app/insight": 3, "app/web": 4, "app": 5, "app/cli": 6, ".": 7,
}

// only names the libraries that one package alone may import.
var only = map[string]string{
	"github.com/gofiber/":   "app/web",
	"github.com/valyala/":   "app/web",
	"github.com/yuin/":      "app/script",
	"github.com/dgraph-io/": "app/store",
}

// libraries names the packages that may import only certain libraries.
var libraries = map[string][]string{
	"app/lifecycle": {"golang.org/x/net/idna", "golang.org/x/text/unicode/norm"}, // whose address it is depends on them
	"app/config":    {"github.com/alecthomas/kong"},
	".":             {},
}

var badNames = []string{"core", "common", "utils", "util", "models", "helpers", "types"}

// TestTheTableGoesDown holds the table to its own rule.
func TestTheTableGoesDown(t *testing.T) {
	for from, imports := range house {
		for _, to := range imports {
			if levels[to] > 0 && levels[to] >= levels[from] {
				t.Errorf("%s (level %d) may not name %s (level %d)", from, levels[from], to, levels[to])
			}
		}
	}
}

// TestImportsFollowTheHouse reads what every file imports, those of other systems too, and holds it to the table.
func TestImportsFollowTheHouse(t *testing.T) {
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	err = filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		relative = filepath.ToSlash(relative)
		if entry.IsDir() {
			name := entry.Name()
			if relative != "." && (strings.HasPrefix(name, ".") || name == "node_modules" || name == "testdata") {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		seen[path.Dir(relative)] = true
		checkFile(t, file, relative)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{"app", "app/cli", "app/config", "app/lifecycle"} {
		if !seen[folder] {
			t.Errorf("no file of %s was found; does this test look in the right place?", folder)
		}
	}
}

func checkFile(t *testing.T, file, relative string) {
	folder := path.Dir(relative)
	source, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := parser.ParseFile(token.NewFileSet(), relative, source, parser.ImportsOnly)
	if err != nil {
		t.Errorf("%s: %v", relative, err)
		return
	}
	if slices.Contains(badNames, parsed.Name.Name) || slices.Contains(badNames, path.Base(folder)) {
		t.Errorf("%s: a package is the noun of its room, not %s", relative, parsed.Name.Name)
	}
	allowed, known := allowedFrom(folder)
	if !known {
		t.Errorf("%s: %s is not in the house; the table has no such package", relative, folder)
		return
	}
	for _, spec := range parsed.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Errorf("%s: %v", relative, err)
			continue
		}
		if problem := check(folder, imported, allowed); problem != "" {
			t.Errorf("%s imports %s: %s", relative, imported, problem)
		}
	}
}

// allowedFrom returns what a folder may import of ours. The SDK that others import too knows itself alone; a connector knows
// the SDK and its own folder, and neither knows app.
func allowedFrom(folder string) ([]string, bool) {
	if room, ok := strings.CutPrefix(folder, "plugins/"); ok {
		room, _, _ = strings.Cut(room, "/")
		return []string{"plugins/channel", "plugins/channel/", "plugins/" + room, "plugins/" + room + "/"}, true
	}
	allowed, ok := house[folder]
	return allowed, ok
}

// check returns what is wrong with an import, or "".
func check(folder, imported string, allowed []string) string {
	if imported == module || strings.HasPrefix(imported, module+"/") {
		ours := strings.TrimPrefix(strings.TrimPrefix(imported, module), "/")
		for _, name := range allowed {
			if ours == name || strings.HasSuffix(name, "/") && strings.HasPrefix(ours, name) {
				return ""
			}
		}
		return "the table does not let " + folder + " see it"
	}
	if first, _, _ := strings.Cut(imported, "/"); !strings.Contains(first, ".") {
		return "" // the standard library
	}
	if few, limited := libraries[folder]; limited && !slices.Contains(few, imported) {
		return folder + " keeps to the standard library and " + strings.Join(append([]string{"nothing else"}, few...), " but ")
	}
	for library, owner := range only {
		if strings.HasPrefix(imported, library) && folder != owner {
			return "only " + owner + " may"
		}
	}
	return ""
}

// TestTheHouseNotices makes sure that the check finds what it is there for.
func TestTheHouseNotices(t *testing.T) {
	for _, wrong := range [][2]string{
		{"app/lifecycle", "stagecraft/app/store"}, {"app/lifecycle", "github.com/google/uuid"}, {"app/config", "stagecraft/app/lifecycle"},
		{"app/engine", "stagecraft/app/delivery"}, {"app/web", "stagecraft/app"}, {"app/web", "stagecraft/app/cli"}, {"app/store", "stagecraft/app/script"},
		{"app/engine", "github.com/dgraph-io/badger/v4"}, {"app/cli", "github.com/gofiber/fiber/v2"}, {"app/engine", "github.com/yuin/gopher-lua"},
		{"plugins/email", "stagecraft/app/lifecycle"}, {"plugins/channel", "stagecraft/scripts"}, {"app/engine", "stagecraft/assets"},
		{".", "stagecraft/app"}, {".", "github.com/alecthomas/kong"}, {"app/channels", "stagecraft/plugins/email"}, {"scripts", "stagecraft/app/script"},
		{"plugins/channel", "stagecraft/plugins/email"}, {"plugins/email", "stagecraft/plugins/sms"}, {"plugins/channel", "stagecraft/app/channels"},
	} {
		allowed, _ := allowedFrom(wrong[0])
		if check(wrong[0], wrong[1], allowed) == "" {
			t.Errorf("%s may import %s", wrong[0], wrong[1])
		}
	}
	for _, right := range [][2]string{
		{"app/cli", "stagecraft/app"}, {"app/cli", "stagecraft/plugins/email"}, {"app/web", "stagecraft/assets"}, {"app/channels", "stagecraft/plugins/channel"},
		{"plugins/email", "stagecraft/plugins/channel"}, {"plugins/channel", "stagecraft/plugins/channel/channelpb"}, {"app/store", "github.com/dgraph-io/badger/v4"}, {".", "stagecraft/app/cli"}, {".", "os"},
	} {
		allowed, _ := allowedFrom(right[0])
		if problem := check(right[0], right[1], allowed); problem != "" {
			t.Errorf("%s may not import %s: %s", right[0], right[1], problem)
		}
	}
}
