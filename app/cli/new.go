package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"stagecraft/app"
	"stagecraft/app/delivery"
	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
	"stagecraft/scripts"
)

// NewCommand makes scripts that work, to be changed. Nothing that is there is overwritten.
type NewCommand struct {
	Journey NewJourney `cmd:"" help:"Make a journey from a built-in one."`
	Stage   NewStage   `cmd:"" help:"Add a stage to a journey."`
	Segment NewSegment `cmd:"" help:"Make a segment from a built-in one."`
	Form    NewForm    `cmd:"" help:"Make a form from a built-in one."`
}

// scriptsFolder says where the journeys are.
type scriptsFolder struct {
	Data    string `name:"data" env:"STAGECRAFT_DATA" default:"stagecraft-data" placeholder:"FOLDER" help:"The server's data folder; the journeys are in scripts in it. Default: ${default}."`
	Scripts string `name:"scripts" env:"STAGECRAFT_SCRIPTS" placeholder:"FOLDER" help:"The folder of journeys itself, if it is elsewhere."`
}

// prepare returns the folder. In a data folder that has none yet, the built-in journeys are written first, as the
// server would at its first start.
func (f *scriptsFolder) prepare() (string, error) {
	dir := f.Scripts
	if dir == "" {
		dir = filepath.Join(f.Data, "scripts")
		if err := app.UnpackScripts(dir); err != nil {
			return "", err
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", lifecycle.Wrap(lifecycle.Unavailable, err, "the scripts folder %s cannot be made", dir)
	}
	return dir, editorFiles(dir)
}

// NewJourney copies a built-in journey.
type NewJourney struct {
	Name string `arg:"" help:"Its name: lower-case letters, digits, - and _."`
	From string `name:"from" default:"customer-lifecycle" placeholder:"PRESET" help:"The built-in journey to start from: ${presets}. Default: ${default}."`
	scriptsFolder
}

// presets are the names of the built-in journeys.
func presets() []string {
	found, err := fs.Glob(scripts.Files, "*/journey.lua")
	if err != nil {
		return nil
	}
	for i, file := range found {
		found[i], _, _ = strings.Cut(file, "/")
	}
	return found
}

// Run makes it: all files are there, or none.
func (c *NewJourney) Run(w *world) error {
	known := presets()
	sources, err := script.ReadSources(scripts.Files)
	if err != nil {
		return err
	}
	source := script.Source{Name: c.Name, Files: map[string][]byte{}}
	for _, s := range sources {
		if s.Name == c.From {
			source.Files = s.Files
		}
	}
	if len(source.Files) == 0 {
		return &lifecycle.Error{Code: lifecycle.NotFound, Message: fmt.Sprintf("there is no built-in journey %q", c.From),
			Hint: script.DidYouMean(c.From, known, "there are: "+strings.Join(known, ", "))}
	}
	if script.Reserved(c.Name) {
		return windowsHasNo(c.Name)
	}
	host := script.New(script.Limits{})
	if titled := withTitle(source.Files["journey.lua"], title(c.Name)); titled != nil {
		source.Files["journey.lua"] = titled
	}
	if err := sound(host, source); err != nil {
		return nameOnly(err)
	}
	dir, err := c.prepare()
	if err != nil {
		return err
	}
	if err := c.write(dir, source); err != nil {
		return err
	}
	made := filepath.Join(dir, c.Name)
	fmt.Fprintf(w.stdout, "%s was made from %s. It is off until you switch it:\n", made, c.From)
	fmt.Fprintf(w.stdout, "  stagecraft check %s\n  stagecraft test %s\n  stagecraft journeys %s shadow\n", made, made, c.Name)
	return nil
}

// nameOnly leaves of what is wrong with a journey that is not there yet the one thing that can be: its name.
func nameOnly(err error) error {
	var list script.Errors
	if errors.As(err, &list) && strings.Contains(list[0].Message, "cannot name") {
		return &lifecycle.Error{Code: lifecycle.Invalid, Message: list[0].Message, Hint: list[0].Hint}
	}
	return err
}

// write puts the journey into place in one step, tests and helpers included.
func (c *NewJourney) write(dir string, source script.Source) error {
	target := filepath.Join(dir, c.Name)
	if _, err := os.Lstat(target); err == nil {
		return lifecycle.Errorf(lifecycle.Conflict, "%s is there already; choose another name", target)
	}
	hidden, err := os.MkdirTemp(dir, ".new-")
	if err != nil {
		return cannotWrite(err, target)
	}
	defer os.RemoveAll(hidden)
	files := map[string][]byte{}
	err = fs.WalkDir(scripts.Files, c.From, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		files[strings.TrimPrefix(path, c.From+"/")], err = fs.ReadFile(scripts.Files, path)
		return err
	})
	if err != nil {
		return lifecycle.Wrap(lifecycle.Internal, err, "the built-in journey cannot be read")
	}
	for path, content := range source.Files {
		if !strings.HasPrefix(path, "lib/") {
			files[path] = content
		} else if err := writeNew(filepath.Join(dir, filepath.FromSlash(path)), content); err != nil && !errors.Is(err, fs.ErrExist) {
			return cannotWrite(err, path)
		}
	}
	for path, content := range files {
		if err := writeNew(filepath.Join(hidden, filepath.FromSlash(path)), content); err != nil {
			return cannotWrite(err, path)
		}
	}
	if err := os.Rename(hidden, target); err != nil {
		return cannotWrite(err, target)
	}
	return nil
}

// writeNew writes a file that is not there yet, and the folders that it needs.
func writeNew(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	return errors.Join(err, file.Close())
}

func cannotWrite(err error, what string) error {
	return lifecycle.Wrap(lifecycle.Unavailable, err, "%s cannot be written", what)
}

// sound refuses a journey that check finds errors in.
func sound(host *script.Host, source script.Source) error {
	var list script.Errors
	for _, p := range host.Check(source, delivery.CheckTemplate) {
		if p.Severity == script.Bad {
			list = append(list, &lifecycle.Error{Code: lifecycle.ScriptFailed, File: p.File, Line: p.Line, Message: p.Message, Hint: p.Hint})
		}
	}
	if len(list) > 0 {
		return list
	}
	return nil
}

// title makes a title of a name: "win-back" becomes "Win back".
func title(name string) string {
	words := []rune(strings.Join(strings.FieldsFunc(name, func(r rune) bool { return r == '-' || r == '_' }), " "))
	if len(words) > 0 {
		words[0] = unicode.ToUpper(words[0])
	}
	return string(words)
}

var titleField = regexp.MustCompile(`(journey\s*\(?\s*\{\s*title\s*=\s*)"[^"\n]*"`)

// withTitle writes another title into journey.lua; nil if its place is not plain.
func withTitle(plan []byte, title string) []byte {
	at := titleField.FindSubmatchIndex(plan)
	if at == nil {
		return nil
	}
	return append(append(append([]byte{}, plan[:at[3]]...), strconv.Quote(title)...), plan[at[1]:]...)
}

// editorSettings tell the Lua language server what scripts have and have not.
const editorSettings = `{
  "$schema": "https://raw.githubusercontent.com/LuaLS/vscode-lua/master/setting/schema.json",
  "runtime.version": "Lua 5.1",
  "runtime.builtin": { "io": "disable", "os": "disable", "debug": "disable", "package": "disable", "coroutine": "disable" },
  "diagnostics.disable": ["lowercase-global"]
}
`

// editorFiles writes what editors read: the words (generated, so always the newest) and the settings (only if there are
// none).
func editorFiles(dir string) error {
	words := filepath.Join(dir, "stagecraft.d.lua")
	if old, err := os.ReadFile(words); err != nil || string(old) != string(script.Annotations()) {
		if err := os.WriteFile(words, script.Annotations(), 0o644); err != nil {
			return cannotWrite(err, words)
		}
	}
	settings := filepath.Join(dir, ".luarc.json")
	if err := writeNew(settings, []byte(editorSettings)); err != nil && !errors.Is(err, fs.ErrExist) {
		return cannotWrite(err, settings)
	}
	return nil
}
