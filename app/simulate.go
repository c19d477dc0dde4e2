package app

import (
	"context"
	"io/fs"
	"strings"
	"sync/atomic"
	"time"

	"stagecraft/app/delivery"
	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
)

// simulationSource names the import that a simulation feeds its events through.
const simulationSource = "simulation"

// Simulation is the same engine on a scratch store in memory, in the time of the events themselves: a history import
// into an empty server that closes at a chosen moment.
type Simulation struct {
	*scratch
	journey string
	plan    lifecycle.Journey
	until   time.Time
	later   atomic.Int64 // events that were left out

	forecast *delivery.Forecast // nil: nobody asks about caps
}

// SimulationResult says what became of the customers.
type SimulationResult struct {
	Journey   string           `json:"journey"`
	Version   string           `json:"version"` // of the script
	Order     []string         `json:"-"`       // the stages in the order of the journey
	Until     time.Time        `json:"until"`
	Events    int              `json:"events"`
	Customers int64            `json:"customers"`
	Stages    map[string]int64 `json:"stages"`           // how many are in each stage at the end; stages without anyone are left out
	Entered   map[string]int64 `json:"entered"`          // how often each stage was entered
	Moves     map[string]int64 `json:"moves"`            // "a>b": how often
	Messages  map[string]int64 `json:"messages"`         // decided, by name
	Capped    map[string]int64 `json:"capped,omitempty"` // of those, what frequency caps would have put off or dropped
	Refused   map[string]int64 `json:"refused,omitempty"`
	Converted map[string]int64 `json:"converted,omitempty"`
	Exited    map[string]int64 `json:"exited,omitempty"` // left the journey, by stage
	Failed    map[string]int64 `json:"failed,omitempty"` // steps set aside because the script failed, by stage
	Late      int64            `json:"late,omitempty"`   // events older than what their customer had lived through
	Errors    []string         `json:"errors,omitempty"` // the first few script errors
}

// FindSource reads one journey of a scripts folder.
func FindSource(folder fs.FS, journey string) (script.Source, error) {
	sources, err := script.ReadSources(folder)
	var names []string
	for _, source := range sources {
		names = append(names, source.Name)
		if source.Name == journey {
			return source, nil
		}
	}
	if err != nil {
		return script.Source{}, err
	}
	if len(names) == 0 {
		return script.Source{}, lifecycle.Errorf(lifecycle.NotFound, "there is no journey %q: the scripts folder has none", journey)
	}
	return script.Source{}, lifecycle.Errorf(lifecycle.NotFound, "there is no journey %q in the scripts folder; it has: %s", journey, strings.Join(names, ", "))
}

// NewSimulation prepares one journey of a scripts folder. Events after until are not part of it.
func NewSimulation(ctx context.Context, folder fs.FS, journey string, until time.Time) (*Simulation, error) {
	source, err := FindSource(folder, journey)
	if err != nil {
		return nil, err
	}
	return newSimulation(ctx, source, until, nil)
}

// newSimulation prepares a journey; see, if it is not nil, hears of everything that is decided.
func newSimulation(ctx context.Context, source script.Source, until time.Time, see func(lifecycle.ID, []lifecycle.Fact)) (*Simulation, error) {
	host := script.New(script.Limits{})
	s := &Simulation{journey: source.Name, until: until.UTC()}
	world, err := newScratch(scratchOptions{host: host, clock: lifecycle.NewManualClock(until.UTC()), figures: true,
		witness: &witness{facts: see, decided: s.decided}})
	if err != nil {
		return nil, err
	}
	s.scratch = world
	program, err := world.publish(ctx, host, source)
	if err == nil {
		s.plan = program.Journey
		err = s.engine.OpenImport(ctx, simulationSource, true)
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Take feeds events, each customer's in order. Several goroutines may call it for different customers.
func (s *Simulation) Take(ctx context.Context, lines []engine.Line) error {
	kept := lines[:0:0]
	for _, line := range lines {
		if !line.Event.Timestamp.After(s.until) {
			kept = append(kept, line)
		}
	}
	s.later.Add(int64(len(lines) - len(kept)))
	results, err := s.engine.Import(ctx, simulationSource, kept)
	for _, result := range results {
		if err == nil {
			err = result.Err
		}
	}
	return err
}

// Finish lets everything due by the end happen and returns what became of the customers. It is told how many events were
// given to Take.
func (s *Simulation) Finish(ctx context.Context, events int) (*SimulationResult, error) {
	for {
		progress, err := s.engine.CloseImport(ctx, simulationSource, s.until, false, time.Minute)
		if err != nil {
			return nil, err
		}
		if progress.State == engine.ImportClosed {
			break
		}
	}
	report, err := s.insight.Report(ctx)
	if err != nil {
		return nil, err
	}
	j := report.Journey(s.journey)
	result := &SimulationResult{
		Journey: s.journey, Version: s.plan.Version, Until: s.until, Events: events - int(s.later.Load()), Customers: report.Customers, Late: report.Late,
		Stages: without0(j.In), Entered: without0(j.Entered), Converted: without0(j.Converted), Exited: without0(j.Exited), Failed: without0(j.Failed),
		Moves: pairs(j.Moves), Refused: pairs(j.Refused), Messages: map[string]int64{}, Capped: s.capped(),
	}
	for _, stage := range s.plan.Stages {
		result.Order = append(result.Order, stage.Name)
	}
	for name, states := range j.Messages {
		result.Messages[name] = states["decided"]
	}
	for p := 0; p < s.store.Partitions() && len(result.Failed) > 0 && len(result.Errors) < 5; p++ {
		answer, err := s.store.Ask(ctx, p, engine.DeadLetters{Limit: 1})
		if err != nil {
			return nil, err
		}
		for _, letter := range answer.([]engine.DeadLetter) {
			failure := lifecycle.Error{Message: letter.Message, File: letter.File, Line: letter.Line, Hint: letter.Hint}
			result.Errors = append(result.Errors, failure.Error())
		}
	}
	return result, nil
}

// Close frees the scratch store.
func (s *Simulation) Close() error { return s.scratch.close() }

func without0(counts map[string]int64) map[string]int64 {
	kept := map[string]int64{}
	for name, count := range counts {
		if count != 0 {
			kept[name] = count
		}
	}
	return kept
}

func pairs(counts map[[2]string]int64) map[string]int64 {
	joined := map[string]int64{}
	for pair, count := range counts {
		joined[pair[0]+">"+pair[1]] = count
	}
	return joined
}
