package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	"stagecraft/app/delivery"
	"stagecraft/app/engine"
	"stagecraft/app/insight"
	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
)

// scriptsPoll is how often the scripts folder is looked at. A change is taken when two looks agree, so that a file is
// not read while it is being written.
const scriptsPoll = 250 * time.Millisecond

// firstJourney is the one that is live on a first start.
const firstJourney = "customer-lifecycle"

// publisher brings the scripts folder to the engine: whatever compiles is published within a second, whatever does
// not is reported, and the last good version goes on.
type publisher struct {
	dir     string
	host    *script.Host
	engine  *engine.Engine
	insight *insight.Insight
	clock   lifecycle.Clock
	log     *slog.Logger
	policy  delivery.Policy            // of which the caps count in comparisons; set before anybody compares
	links   func(variable string) bool // whether messages have a link that depends on the settings; set before anybody checks

	working  sync.Mutex        // one reading or saving of the folder at a time
	versions map[string]string // what was published last; under working
	refused  map[string]string // what was refused last, so that it is said once; under working
	serving  bool              // the first reading is done; under working
	read     string            // the folder's Fingerprint before it was read last; under working

	mu      sync.Mutex
	errors  map[string]*lifecycle.Error // by journey; "" is the folder itself
	gone    map[string]bool             // journeys that were published and have no journey.lua any more
	changes int
}

func newPublisher(dir string, host *script.Host, e *engine.Engine, i *insight.Insight, clock lifecycle.Clock, log *slog.Logger) *publisher {
	return &publisher{dir: dir, host: host, engine: e, insight: i, clock: clock, log: log,
		errors: map[string]*lifecycle.Error{}, versions: map[string]string{}, refused: map[string]string{}}
}

// publishAll reads the folder and publishes what is new in it, all of it at once.
func (p *publisher) publishAll(ctx context.Context) error {
	p.working.Lock()
	defer p.working.Unlock()
	states, err := p.engine.States(ctx)
	if err != nil {
		return err
	}
	before := Fingerprint(p.dir)
	sources, err := script.ReadSources(os.DirFS(p.dir))
	found := map[string]*lifecycle.Error{}
	if err != nil {
		var list script.Errors
		if !errors.As(err, &list) {
			list = script.Errors{lifecycle.Wrap(lifecycle.ScriptFailed, err, "the scripts folder cannot be read")}
		}
		for _, e := range list {
			name, _, _ := strings.Cut(e.File, "/")
			if found[name] == nil {
				found[name] = e
			}
		}
	}
	present, unreadable := map[string]bool{}, found["."] != nil || found[""] != nil
	for _, source := range sources {
		present[source.Name] = true
	}
	for name := range found {
		present[name] = true
	}
	sources = slices.DeleteFunc(sources, func(source script.Source) bool {
		return found[source.Name] != nil // what was read of it is not whole
	})
	// The journey that a first start makes live comes first: if the program ends in between, the next start is not a
	// first one any more.
	sort.SliceStable(sources, func(i, j int) bool { return sources[i].Name == firstJourney && sources[j].Name != firstJourney })
	for i, err := range p.publishNew(ctx, sources, states) {
		if err == nil {
			continue
		}
		source, problem := sources[i], refusal(err)
		if problem == nil {
			return err
		}
		found[source.Name] = problem
		if version := source.Version(); p.refused[source.Name] != version {
			p.refused[source.Name] = version
			until := "the last good version goes on"
			if !slices.ContainsFunc(states, func(s engine.JourneyState) bool { return s.Name == source.Name }) {
				until = "it is not there yet"
			}
			p.log.Error("a journey was not published; "+until, "journey", source.Name, "error", err)
		}
	}
	if problem, err := p.publishScores(ctx); problem != nil {
		found[script.ScoresFile] = problem
	} else if err != nil {
		return err
	}
	if problem, err := p.publishSegments(ctx); problem != nil {
		found[script.SegmentsFolder] = problem
	} else if err != nil {
		return err
	}
	p.mu.Lock()
	p.errors = found
	if !unreadable {
		p.lookForGone(states, present)
	}
	p.changes++
	p.mu.Unlock()
	p.serving, p.read = true, before
	return nil
}

// lookForGone finds the journeys whose folders are gone, and tells the log of those at work: they run on, also beside a copy
// of them under another name. p.mu is held.
func (p *publisher) lookForGone(states []engine.JourneyState, present map[string]bool) {
	gone := map[string]bool{}
	for _, state := range states {
		if present[state.Name] {
			continue
		}
		gone[state.Name] = true
		if state.Mode != lifecycle.Off && !p.gone[state.Name] {
			p.log.Warn("a journey's folder is gone, and the version that was published last runs on; if it was renamed or removed, switch it off: stagecraft journeys "+
				state.Name+" off", "journey", state.Name, "mode", state.Mode)
		}
	}
	p.gone = gone
}

// Gone reports whether a journey that was published has no journey.lua in the scripts folder any more.
func (p *publisher) Gone(journey string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.gone[journey]
}

// refusal returns what is wrong with a version that was not published; nil if it was not the version's fault.
func refusal(err error) *lifecycle.Error {
	var list script.Errors
	if errors.As(err, &list) && len(list) > 0 {
		first := *list[0]
		if len(list) > 1 {
			first.Hint = strings.TrimSpace(fmt.Sprintf("%s; and %d more", first.Hint, len(list)-1))
		}
		return &first
	}
	var single *lifecycle.Error
	if errors.As(err, &single) && single.Code != lifecycle.Unavailable {
		return single
	}
	return nil
}

// publishNew publishes those of the sources that this program has not published yet; the errors stand in their order.
// At a start that is all of them: it repairs what broke off before.
func (p *publisher) publishNew(ctx context.Context, sources []script.Source, states []engine.JourneyState) []error {
	errs := make([]error, len(sources))
	var list []engine.Publish
	var of []int // which source each is
	for i, source := range sources {
		version := source.Version()
		if p.versions[source.Name] == version {
			continue
		}
		program, err := compile(p.host, source)
		// Of a version that was published already nothing can be gone since.
		if err == nil && !slices.ContainsFunc(states, func(s engine.JourneyState) bool { return s.Version == version }) {
			err = p.keepsCustomers(ctx, &program.Journey)
		}
		if errs[i] = err; err != nil {
			continue
		}
		mode := lifecycle.Off
		if len(states) == 0 && source.Name == firstJourney {
			mode = lifecycle.Live
		}
		list, of = append(list, engine.Publish{Source: source, Program: program, Mode: mode}), append(of, i)
	}
	for k, err := range p.publish(ctx, list...) {
		errs[of[k]] = err
	}
	return errs
}

// publish gives the engine versions that were compiled.
func (p *publisher) publish(ctx context.Context, list ...engine.Publish) []error {
	errs := p.engine.PublishAll(ctx, list)
	for i, in := range list {
		if errs[i] != nil {
			continue
		}
		name, version := in.Source.Name, in.Program.Journey.Version
		if p.serving {
			p.log.Info("a journey was published", append([]any{"journey", name, "version", version[:8]}, p.reach(ctx, name)...)...)
		}
		p.versions[name] = version
		delete(p.refused, name)
	}
	return errs
}

// reach says for the log how many people the timers of a live journey will reach soon.
func (p *publisher) reach(ctx context.Context, name string) []any {
	states, err := p.engine.States(ctx)
	if err != nil || !slices.ContainsFunc(states, func(s engine.JourneyState) bool { return s.Name == name && s.Mode == lifecycle.Live }) {
		return nil
	}
	reach, err := p.engine.Reach(ctx, name)
	if err != nil {
		return nil
	}
	return []any{"dueWithinAnHour", reach.NextHour, "dueWithinAWeek", reach.NextWeek}
}

// publishSaved publishes what Save has written: runs stay with the version they began with, or end if they are drained.
func (p *publisher) publishSaved(ctx context.Context, source script.Source, program *script.Program, drain bool) error {
	if err := p.publish(ctx, engine.Publish{Source: source, Program: program, Mode: lifecycle.Off, Drain: drain})[0]; err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	found, gone := maps.Clone(p.errors), maps.Clone(p.gone)
	delete(found, source.Name)
	delete(gone, source.Name)
	p.errors, p.gone = found, gone
	p.changes++
	return nil
}

// keepsCustomers refuses a version that lacks a stage in which customers are, test people among them.
func (p *publisher) keepsCustomers(ctx context.Context, plan *lifecycle.Journey) error {
	in, err := p.insight.Stored(ctx, plan.Name)
	if err != nil {
		return err
	}
	for stage, count := range in {
		if _, said := plan.Heir(stage); count > 0 && plan.Stage(stage) == nil && !said {
			return lost(plan.Name, stage, "customers", count)
		}
	}
	stage, count, err := p.engine.TestPeopleLost(ctx, plan)
	if err != nil || stage == "" {
		return err
	}
	return lost(plan.Name, stage, "test people", count)
}

func lost(journey, stage, who string, count int64) error {
	return &lifecycle.Error{Code: lifecycle.Conflict, File: journey + "/journey.lua", Line: 1,
		Message: fmt.Sprintf("stage %q is gone, but %s are in it: %d", stage, who, count),
		Hint:    fmt.Sprintf(`say where they go: renamed = { [%q] = "its new name" } or retired = { [%q] = "another stage" } in journey { … }; or bring the stage back`, stage, stage)}
}

// watch publishes changes since the last reading until ctx ends. A folder that is still being written to is left alone.
func (p *publisher) watch(ctx context.Context) {
	pending := ""
	for {
		if (lifecycle.WallClock{}).Wait(ctx, time.Now().Add(scriptsPoll)) != nil {
			return
		}
		now := Fingerprint(p.dir)
		if now == p.lastRead() {
			continue
		}
		if now != pending {
			pending = now
			continue
		}
		if err := p.publishAll(ctx); err != nil && ctx.Err() == nil {
			p.log.Error("the scripts could not be published and are tried again", "error", err)
		}
	}
}

func (p *publisher) lastRead() string {
	p.working.Lock()
	defer p.working.Unlock()
	return p.read
}

// Fingerprint tells whether something in a folder changed: names, sizes and times of all files.
func Fingerprint(dir string) string {
	var lines []string
	_ = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || len(lines) > 20000 {
			return nil
		}
		if strings.HasPrefix(entry.Name(), ".") && path != dir {
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if info, err := os.Stat(path); err == nil && !info.IsDir() {
			lines = append(lines, fmt.Sprintf("%s %d %d", path, info.Size(), info.ModTime().UnixNano()))
		}
		return nil
	})
	sort.Strings(lines)
	return lifecycle.HashID(lines...).String()
}

// Problems returns what keeps the newest scripts from running, by journey.
func (p *publisher) Problems() map[string]*lifecycle.Error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.errors
}

// Changes grows with every reading of the folder.
func (p *publisher) Changes() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.changes
}
