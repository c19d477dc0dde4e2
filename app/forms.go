package app

import (
	"context"
	"errors"
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
	list     script.Forms
	problems script.Errors
}

func newForms(dir string, host *script.Host, log *slog.Logger) *forms {
	f := &forms{dir: dir, host: host, log: log}
	f.look()
	return f
}

// look reads the folder if it has changed. A form that is broken is not there until it is mended: people should not send
// what its author has taken back.
func (f *forms) look() {
	now := Fingerprint(filepath.Join(f.dir, "forms")) + Fingerprint(filepath.Join(f.dir, "lib"))
	f.mu.Lock()
	same := now == f.read
	f.mu.Unlock()
	if same {
		return
	}
	list, err := f.host.ReadForms(os.DirFS(f.dir))
	var problems script.Errors
	if err != nil && !errors.As(err, &problems) {
		problems = script.Errors{lifecycle.Wrap(lifecycle.ScriptFailed, err, "the forms cannot be read")}
	}
	for _, problem := range problems {
		f.log.Error("a form cannot be used", "error", problem)
	}
	f.mu.Lock()
	f.read, f.list, f.problems = now, list, problems
	f.mu.Unlock()
}

// watch reads changes until ctx ends.
func (f *forms) watch(ctx context.Context) {
	for (lifecycle.WallClock{}).Wait(ctx, time.Now().Add(scriptsPoll)) == nil {
		f.look()
	}
}

// All returns the forms by name, and what is wrong with others.
func (f *forms) All() ([]lifecycle.Form, []*lifecycle.Error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.list.List), slices.Clone(f.problems)
}

// Form returns a form and the messages of all forms.
func (f *forms) Form(name string) (lifecycle.Form, *script.Program, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	at := slices.IndexFunc(f.list.List, func(form lifecycle.Form) bool { return form.Name == name })
	if at < 0 {
		return lifecycle.Form{}, nil, false
	}
	return f.list.List[at], f.list.Messages, true
}
