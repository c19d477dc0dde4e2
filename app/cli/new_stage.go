package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
)

// NewStage adds a stage to a journey.
type NewStage struct {
	Journey string `arg:"" help:"The journey."`
	Name    string `arg:"" help:"The stage's name: lower-case letters, digits, - and _."`
	After   string `name:"after" placeholder:"STAGE" help:"The stage it follows, from which customers may move to it. Default: the last one."`
	scriptsFolder
}

// stageText is what a new stage begins with.
const stageText = `-- %[1]s: who is here, and what should happen? Customers come here by move %[2]q, or by goal and next of another stage.

stage { title = %[1]q }

enter(function(customer)
  log("entered", %[2]q)
end)
`

// Run adds it: the stage's file, and its name and moves in journey.lua. Both are checked before anything is written.
func (c *NewStage) Run(w *world) error {
	dir := c.Scripts
	if dir == "" {
		dir = filepath.Join(c.Data, "scripts")
	}
	sources, err := script.ReadSources(os.DirFS(dir))
	var source script.Source
	var names []string
	for _, s := range sources {
		names = append(names, s.Name)
		if s.Name == c.Journey {
			source = s
		}
	}
	var unread script.Errors
	if errors.As(err, &unread) {
		for _, e := range unread {
			if strings.HasPrefix(e.File, c.Journey+"/") {
				return e
			}
		}
	}
	if source.Name == "" {
		return &lifecycle.Error{Code: lifecycle.NotFound, Message: fmt.Sprintf("%s has no journey %q", dir, c.Journey),
			Hint: script.DidYouMean(c.Journey, names, "make one with stagecraft new journey "+c.Journey)}
	}
	if strings.HasSuffix(c.Name, "_test") {
		return lifecycle.Errorf(lifecycle.Invalid, "%q cannot name a stage: files that end in _test.lua are tests", c.Name)
	}
	host := script.New(script.Limits{})
	added, err := host.AddStage(source, c.Name, c.After, fmt.Sprintf(stageText, title(c.Name), c.Name))
	if err != nil {
		return err
	}
	if err := sound(host, added); err != nil {
		return err
	}
	folder := filepath.Join(dir, c.Journey)
	file := filepath.Join(folder, c.Name+".lua")
	if err := writeNew(file, added.Files[c.Name+".lua"]); errors.Is(err, fs.ErrExist) {
		return lifecycle.Errorf(lifecycle.Conflict, "%s is there already", file)
	} else if err != nil {
		return cannotWrite(err, file)
	}
	plan := filepath.Join(folder, "journey.lua")
	if err := replace(plan, source.Files["journey.lua"], added.Files["journey.lua"]); err != nil {
		return errors.Join(err, os.Remove(file))
	}
	if err := editorFiles(dir); err != nil {
		return err
	}
	fmt.Fprintf(w.stdout, "%s was made, and named in %s. Nobody comes there yet; say move %q where they should.\n", file, plan, c.Name)
	return nil
}

// replace changes a file in one step, if it still is what it was when it was read. A link stays one.
func replace(path string, before, after []byte) error {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return cannotWrite(err, path)
	}
	info, err := os.Stat(path)
	if err != nil {
		return cannotWrite(err, path)
	}
	if now, err := os.ReadFile(path); err != nil || string(now) != string(before) {
		return lifecycle.Errorf(lifecycle.Conflict, "%s was changed meanwhile; try again", path)
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".new-")
	if err != nil {
		return cannotWrite(err, path)
	}
	_, err = file.Write(after)
	if err = errors.Join(err, file.Chmod(info.Mode().Perm()), file.Sync(), file.Close()); err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		os.Remove(file.Name())
		return cannotWrite(err, path)
	}
	return nil
}
