package app

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"time"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
)

// TestLab runs the tests of one journey on the engine itself. All cases share one store in memory: each has customers
// of its own and its own time, which passes for them alone.
type TestLab struct {
	ctx    context.Context
	host   *script.Host
	source script.Source
	by     []string // channels

	beside Beside

	segments []string // their names

	world *laboratory
	taken map[lifecycle.ID]bool // identities that cases of this world have used
	stale bool                  // a case needs a world in which nobody has been
}

// NewTestLab compiles the journey. Close frees what it holds.
func NewTestLab(ctx context.Context, host *script.Host, source script.Source) (*TestLab, error) {
	program, err := compile(host, source)
	if err != nil {
		return nil, err
	}
	return &TestLab{ctx: ctx, host: host, source: source, by: channelsOf(program)}, nil
}

// RunTests runs the tests of one journey of a scripts folder, or those of its segments, as script.Host.RunTests does.
func RunTests(ctx context.Context, host *script.Host, folder fs.FS, source script.Source, filter string, tell func(script.TestResult)) (passed bool, err error) {
	if source.Name == script.SegmentsFolder {
		return runSegmentTests(ctx, host, folder, filter, tell)
	}
	files, err := script.ReadTests(folder, source.Name)
	if err != nil || len(files) == 0 {
		return err == nil, err
	}
	lab, err := NewTestLab(ctx, host, source)
	if err != nil {
		return false, err
	}
	if err = lab.readBeside(folder); err != nil {
		return false, err
	}
	defer lab.Close()
	return host.RunTests(ctx, source, files, lab, filter, tell)
}

// runSegmentTests runs segments/NAME_test.lua of a scripts folder, in a world in which there is no journey.
func runSegmentTests(ctx context.Context, host *script.Host, folder fs.FS, filter string, tell func(script.TestResult)) (passed bool, err error) {
	if info, err := fs.Stat(folder, script.SegmentsFolder); err != nil || !info.IsDir() {
		return true, nil
	}
	files, err := script.ReadTests(folder, script.SegmentsFolder)
	if err != nil || len(files) == 0 {
		return err == nil, err
	}
	lab := &TestLab{ctx: ctx, host: host, by: []string{"webhook"}, source: script.Source{Name: script.SegmentsFolder}}
	if err = lab.readBeside(folder); err != nil {
		return false, err
	}
	defer lab.Close()
	return host.RunTests(ctx, lab.source, files, lab, filter, tell)
}

// readBeside reads the segments and scores of a scripts folder.
func (l *TestLab) readBeside(folder fs.FS) (err error) {
	if l.beside, err = readBeside(l.host, folder); err != nil {
		return err
	}
	compiled, err := l.host.CompileSegments(l.beside.Segments)
	if err != nil {
		return err
	}
	for _, segment := range compiled.List {
		l.segments = append(l.segments, segment.Name)
	}
	return nil
}

// channelsOf are those that a journey's messages are written for, and webhook.
func channelsOf(program *script.Program) []string {
	by := []string{"webhook"}
	for _, template := range program.Templates {
		if !slices.Contains(by, template.Channel) {
			by = append(by, template.Channel)
		}
	}
	return by
}

// NewCase implements script.Lab.
func (l *TestLab) NewCase(start time.Time) (script.Case, error) {
	if l.stale || l.world != nil && l.world.limit.reached() {
		if err := l.Close(); err != nil {
			return nil, err
		}
	}
	if l.world == nil {
		world, err := newLaboratory(l.ctx, l.host, l.journeys(), l.by, maxTested)
		if err != nil {
			return nil, err
		}
		if err = world.publishBeside(l.ctx, l.beside); err != nil {
			return nil, errors.Join(err, world.scratch.close())
		}
		l.world, l.taken, l.stale = world, map[lifecycle.ID]bool{}, false
	}
	l.world.begin(start)
	return &labCase{laboratory: l.world, lab: l, mine: map[lifecycle.ID]bool{}}, nil
}

// journeys are those that the world has: one, or none where segments are tested alone.
func (l *TestLab) journeys() []script.Source {
	if l.source.Name == script.SegmentsFolder {
		return nil
	}
	return []script.Source{l.source}
}

// Close frees the store.
func (l *TestLab) Close() error {
	if l.world == nil {
		return nil
	}
	world := l.world
	l.world = nil
	return world.scratch.close()
}

// maxTested is how much may be decided at one event, or while time passes once. It is far more than a test can mean.
const maxTested = 100_000

// labCase is one case in the world of its lab.
type labCase struct {
	*laboratory
	lab  *TestLab
	mine map[lifecycle.ID]bool
}

// Receive implements script.Case.
func (c *labCase) Receive(ctx context.Context, event lifecycle.Event) error {
	for _, identity := range []lifecycle.Identity{{Kind: lifecycle.UserID, Value: event.UserID}, {Kind: lifecycle.AnonymousID, Value: event.AnonymousID}} {
		id := identity.Hash()
		if identity.Value == "" || c.mine[id] {
			continue
		}
		if c.lab.taken[id] {
			c.lab.stale = true
			return lifecycle.Errorf(script.ErrTaken, "%s was used by another case", identity.Value)
		}
		c.mine[id], c.lab.taken[id] = true, true
	}
	if engine.EndsAddress(&event) {
		c.lab.stale = true // cases share addresses
	}
	return c.laboratory.Receive(ctx, event)
}

// Award implements script.Case.
func (c *labCase) Award(ctx context.Context, who lifecycle.Identity, award lifecycle.Award) (err error) {
	ctx, end := c.limit.within(ctx)
	defer end(&err)
	known, err := c.engine.Record(ctx, who.Hash())
	if err == nil {
		err = c.engine.AwardAt(ctx, known.ID, award, c.now)
	}
	if err == nil {
		err = c.settle(ctx)
	}
	return err
}

// Look implements script.Case.
func (c *labCase) Look(ctx context.Context, who lifecycle.Identity) (*script.Life, error) {
	life, err := c.laboratory.Look(ctx, who)
	if err == nil {
		life.Known = c.lab.segments
	}
	return life, err
}
