package app

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
)

// forms are those of the scripts folder, read anew when a file changes. It implements web.Forms. What somebody has sent
// before does not depend on them.
type forms struct {
	dir  string
	host *script.Host
	log  *slog.Logger

	mu       sync.Mutex
	read     string // what the folder looked like
	list     []liveForm
	problems script.Errors
}

// liveForm is a form with the messages beside which it was read: the last good version of a form goes on with its own.
type liveForm struct {
	lifecycle.Form
	messages *script.Program
}

func newForms(dir string, host *script.Host, log *slog.Logger) *forms {
	f := &forms{dir: dir, host: host, log: log}
	f.look()
	return f
}

// look reads the folder if it has changed. Of a form that cannot be used as it stands there now the last good version goes on,
// so that a mistake takes no live page off; it goes when its file does.
func (f *forms) look() {
	now := Fingerprint(filepath.Join(f.dir, "forms")) + Fingerprint(filepath.Join(f.dir, "lib"))
	f.mu.Lock()
	same := now == f.read
	f.mu.Unlock()
	if same {
		return
	}
	found, err := f.host.ReadForms(os.DirFS(f.dir))
	var problems script.Errors
	if err != nil && !errors.As(err, &problems) {
		problems = script.Errors{lifecycle.Wrap(lifecycle.ScriptFailed, err, "the forms cannot be read")}
	}
	for _, problem := range problems {
		f.log.Error("a form cannot be used", "error", problem)
	}
	var list []liveForm
	for _, form := range found.List {
		list = append(list, liveForm{form, found.Messages})
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, old := range f.list {
		if formAt(list, old.Name) >= 0 {
			continue
		}
		if info, err := os.Stat(filepath.Join(f.dir, old.File)); errors.Is(err, fs.ErrNotExist) || err == nil && info.IsDir() {
			continue
		}
		f.log.Error("a form was not taken over; the last good version goes on", "form", old.Name)
		old.Behind = true
		list = append(list, old)
	}
	f.read, f.list, f.problems = now, list, problems
}

// watch reads changes until ctx ends.
func (f *forms) watch(ctx context.Context) {
	for (lifecycle.WallClock{}).Wait(ctx, time.Now().Add(scriptsPoll)) == nil {
		f.look()
	}
}

// All returns the forms, and what is wrong with files.
func (f *forms) All() ([]lifecycle.Form, []*lifecycle.Error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []lifecycle.Form
	for _, one := range f.list {
		all = append(all, one.Form)
	}
	return all, slices.Clone(f.problems)
}

// Form returns a form and the messages that belong to it.
func (f *forms) Form(name string) (lifecycle.Form, *script.Program, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := formAt(f.list, name)
	if i < 0 {
		return lifecycle.Form{}, nil, false
	}
	return f.list[i].Form, f.list[i].messages, true
}

// formAt returns where the form of a name is, -1 if it is not there.
func formAt(list []liveForm, name string) int {
	return slices.IndexFunc(list, func(one liveForm) bool { return one.Name == name })
}
