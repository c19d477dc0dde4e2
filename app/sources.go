package app

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"stagecraft/app/channels"
	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
	"stagecraft/app/web"
)

const (
	sourceAtOnce   = 4                // requests that the script of one source works on
	sourceWaiting  = 16               // requests that wait for that, their bodies in memory
	sourcePatience = time.Second      // how long they do
	sourcesFlush   = 10 * time.Second // how long what was counted may lie in memory only
	maxKeptBody    = 128 << 10        // of a request that was not taken; a larger one is told of, and not kept
)

// sources are the scripts in sources/ of the scripts folder, and what comes in by them. Those that compile are used within
// a second; of one that does not, the last good version goes on.
type sources struct {
	dir        string
	host       *script.Intakes
	engine     *engine.Engine
	settings   *channels.Settings // their secrets
	clock      lifecycle.Clock
	log        *slog.Logger
	client     *http.Client
	rows       Rows
	precedence []string
	wake       chan struct{}     // there is something new to fetch
	fetching   sync.Mutex        // one source at a time
	refusals   map[string]string // the version that was refused last, by source, so that it is said once; of who reads the folder

	mu       sync.Mutex
	intakes  map[string]*script.Intake
	problems map[string]*lifecycle.Error
	states   map[string]*standing
	places   map[string]places
	secrets  map[string]map[string][]string // as read from settings
}

// standing is how a source stands, a little ahead of what is written down.
type standing struct {
	engine.SourceState
	changed bool
}

// Rows reads what sources fetch, as an import does.
type Rows interface {
	// Check refuses rules that cannot be followed.
	Check(rules []string) error
	// Read visits the rows of a CSV file or of lines of JSON, packed with gzip or not, until visit returns an error. With
	// rules each has the event that they make of it; what is wrong with a row is its Err.
	Read(name string, r io.Reader, rules []string, visit func(SourceRow) error) error
}

// SourceRow is one row.
type SourceRow struct {
	Line   int
	Head   string         // of CSV: the line with the names of its columns
	Text   string         // as it stands in the file
	Values map[string]any // decoded JSON, as by script.DecodeJSON; cells of CSV are texts
	Event  lifecycle.Event
	Err    error
}

// newSources reads the folder for the first time. What is wrong with a source is no reason not to start.
func (a *App) newSources(client *http.Client, rows Rows) (*sources, error) {
	key, err := a.keys.settingsKey()
	if err != nil {
		return nil, err
	}
	settings, err := channels.NewSettings(filepath.Join(a.cfg.Data, "sources"), key)
	if err != nil {
		return nil, err
	}
	s := &sources{dir: a.cfg.Scripts, host: script.NewIntakes(script.Limits{}), engine: a.engine, settings: settings, clock: a.clock, log: a.log,
		client: client, rows: rows, precedence: a.cfg.Sources.Precedence, wake: make(chan struct{}, 1),
		intakes: map[string]*script.Intake{}, problems: map[string]*lifecycle.Error{}, states: map[string]*standing{}, places: map[string]places{},
		secrets: map[string]map[string][]string{}, refusals: map[string]string{}}
	s.read()
	return s, nil
}

// read compiles what is new in the folder.
func (s *sources) read() {
	found, err := script.ReadIntakes(os.DirFS(s.dir))
	problems := map[string]*lifecycle.Error{}
	var unread script.Errors
	if errors.As(err, &unread) {
		for _, e := range unread {
			problems[strings.TrimSuffix(filepath.Base(e.File), ".lua")] = e
		}
	}
	s.mu.Lock()
	before := s.intakes
	s.mu.Unlock()
	intakes := map[string]*script.Intake{}
	for _, source := range found {
		old := before[source.Name]
		if old != nil && old.Version == source.Version() {
			intakes[source.Name] = old
			continue
		}
		intake, err := s.host.Compile(source)
		if err == nil && intake.Pull != nil && len(intake.Pull.Map) > 0 && s.rows != nil {
			if err = s.rows.Check(intake.Pull.Map); err != nil {
				err = &lifecycle.Error{Code: lifecycle.ScriptFailed, File: "sources/" + source.Name + ".lua", Line: 1, Message: err.Error()}
			}
		}
		if err == nil {
			intakes[source.Name] = intake
			continue
		}
		if old != nil {
			intakes[source.Name] = old
		}
		if problem := refusal(err); problem != nil {
			problems[source.Name] = problem
			if s.refusals[source.Name] == source.Version() {
				continue
			}
			s.refusals[source.Name] = source.Version()
			s.log.Error("a source was not taken over; the last good version goes on", "source", source.Name, "error", err)
		}
	}
	for name := range problems {
		if intakes[name] == nil && before[name] != nil {
			intakes[name] = before[name]
		}
	}
	s.mu.Lock()
	s.intakes, s.problems = intakes, problems
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// watch takes over changes of the folder, and writes down what was counted, until ctx ends.
func (s *sources) watch(ctx context.Context) {
	look := func() string {
		return Fingerprint(filepath.Join(s.dir, "sources")) + Fingerprint(filepath.Join(s.dir, "lib"))
	}
	read, pending, flushed := look(), "", time.Now()
	s.read() // it may have changed since the start
	for (lifecycle.WallClock{}).Wait(ctx, time.Now().Add(scriptsPoll)) == nil {
		switch now := look(); {
		case now == read:
		case now != pending: // it may still be written to
			pending = now
		default:
			s.read()
			read = now
		}
		if time.Since(flushed) > sourcesFlush {
			s.flush(ctx)
			flushed = time.Now()
		}
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	s.flush(last)
}

// flush writes down how sources stand that something came in by.
func (s *sources) flush(ctx context.Context) {
	s.mu.Lock()
	changed := map[string]engine.SourceState{}
	for name, state := range s.states {
		if state.changed {
			changed[name], state.changed = state.SourceState, false
		}
	}
	s.mu.Unlock()
	for name, state := range changed {
		if err := s.engine.KeepSource(ctx, name, &state, nil); err != nil && ctx.Err() == nil {
			s.log.Warn("what a source has counted could not be written down", "source", name, "error", err)
			s.change(name, func(*engine.SourceState) {})
		}
	}
}

func (s *sources) intake(name string) (*script.Intake, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if intake := s.intakes[name]; intake != nil {
		return intake, nil
	}
	if problem := s.problems[name]; problem != nil {
		return nil, lifecycle.Wrap(lifecycle.Unavailable, problem, "source %s cannot be used", name)
	}
	return nil, lifecycle.Errorf(lifecycle.NotFound, "there is no source %.64q; add sources/NAME.lua to the scripts folder", name)
}

// state loads how a source stands, once.
func (s *sources) state(ctx context.Context, name string) (engine.SourceState, error) {
	s.mu.Lock()
	known := s.states[name]
	if known != nil {
		defer s.mu.Unlock()
		return known.SourceState, nil
	}
	s.mu.Unlock()
	stored, err := s.engine.SourceState(ctx, name)
	if err != nil {
		return stored, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.states[name] == nil {
		s.states[name] = &standing{SourceState: stored}
	}
	return s.states[name].SourceState, nil
}

// change counts something of a source whose state was loaded.
func (s *sources) change(name string, how func(*engine.SourceState)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if state := s.states[name]; state != nil {
		how(&state.SourceState)
		state.changed = true
	}
}

// Try returns what a source would make of a request.
func (s *sources) Try(_ context.Context, name string, request script.Request) (script.Taken, error) {
	intake, err := s.intake(name)
	if err != nil {
		return script.Taken{}, err
	}
	if !intake.Takes {
		return script.Taken{}, lifecycle.Errorf(lifecycle.Invalid, "source %s takes no requests", name)
	}
	request.Trust, request.Now = true, s.clock.Now()
	taken, err := intake.Receive(request)
	var refusal *script.Refusal
	if errors.As(err, &refusal) {
		err = lifecycle.Errorf(lifecycle.Invalid, "the source refuses it: %s", refusal.Reason)
	}
	if err == nil && len(taken.Unfit) > 0 {
		err = lifecycle.Errorf(lifecycle.Invalid, "%s", taken.Unfit[0])
	}
	for i := range taken.Events {
		if err == nil {
			err = s.check(&taken.Events[i], true)
		}
	}
	return taken, err
}

// Rejects returns what a source did not take, newest first.
func (s *sources) Rejects(ctx context.Context, name string) ([]engine.SourceReject, error) {
	if _, err := s.intake(name); lifecycle.CodeOf(err) == lifecycle.NotFound {
		return nil, err
	}
	return s.engine.SourceRejects(ctx, name)
}

// Again gives what was not taken to the source once more. Whoever sent it proved it then.
func (s *sources) Again(ctx context.Context, name string, id lifecycle.ID) (web.SourceAnswer, error) {
	rejects, err := s.engine.SourceRejects(ctx, name)
	if err != nil {
		return web.SourceAnswer{}, err
	}
	at := slices.IndexFunc(rejects, func(r engine.SourceReject) bool { return r.ID == id })
	if at < 0 {
		return web.SourceAnswer{}, lifecycle.Errorf(lifecycle.NotFound, "there is no such request; it may have been taken meanwhile")
	}
	reject := rejects[at]
	if len(reject.Body) == 0 {
		return web.SourceAnswer{}, lifecycle.Errorf(lifecycle.Conflict, "it was too large to be kept; have the provider send it again")
	}
	var answer web.SourceAnswer
	if reject.Row {
		answer, err = s.again(ctx, name, reject)
	} else {
		answer, err = s.Take(ctx, name, script.Request{Method: http.MethodPost, Headers: maps.Clone(reject.Head), Query: reject.Query, Body: reject.Body, Trust: true})
	}
	if err != nil || answer.Refused != "" {
		return answer, err
	}
	return answer, s.engine.DropReject(ctx, name, id)
}

// Forget drops what was not taken.
func (s *sources) Forget(ctx context.Context, name string, id lifecycle.ID) error {
	return s.engine.DropReject(ctx, name, id)
}
