package app

import (
	"context"
	"io/fs"
	"log/slog"
	"strings"
	"time"

	"stagecraft/app/delivery"
	"stagecraft/app/engine"
	"stagecraft/app/insight"
	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
	"stagecraft/app/store"
)

// simulationSource names the import that a simulation feeds its events through.
const simulationSource = "simulation"

// Simulation is the same engine on a scratch store in memory, in the time of the events themselves: a history import
// into an empty server that closes at a chosen moment.
type Simulation struct {
	journey string
	plan    lifecycle.Journey
	until   time.Time
	store   *store.Store
	engine  *engine.Engine
	insight *insight.Insight
}

// SimulationResult says what became of the customers.
type SimulationResult struct {
	Journey   string           `json:"journey"`
	Version   string           `json:"version"` // of the script
	Order     []string         `json:"-"`       // the stages in the order of the journey
	Until     time.Time        `json:"until"`
	Events    int              `json:"events"`
	Customers int64            `json:"customers"`
	Stages    map[string]int64 `json:"stages"`   // how many are in each stage at the end; stages without anyone are left out
	Entered   map[string]int64 `json:"entered"`  // how often each stage was entered
	Moves     map[string]int64 `json:"moves"`    // "a>b": how often
	Messages  map[string]int64 `json:"messages"` // decided, by name
	Refused   map[string]int64 `json:"refused,omitempty"`
	Converted map[string]int64 `json:"converted,omitempty"`
	Failed    map[string]int64 `json:"failed,omitempty"` // steps set aside because the script failed, by stage
	Late      int64            `json:"late,omitempty"`   // events older than what their customer had lived through
	Errors    []string         `json:"errors,omitempty"` // the first few script errors
}

// NewSimulation prepares one journey of a scripts folder. Events after until are not part of it.
func NewSimulation(ctx context.Context, folder fs.FS, journey string, until time.Time) (*Simulation, error) {
	sources, err := script.ReadSources(folder)
	var source *script.Source
	var names []string
	for i := range sources {
		names = append(names, sources[i].Name)
		if sources[i].Name == journey {
			source = &sources[i]
		}
	}
	if source == nil {
		if err != nil {
			return nil, err
		}
		return nil, lifecycle.Errorf(lifecycle.NotFound, "there is no journey %q in the scripts folder; it has: %s", journey, strings.Join(names, ", "))
	}
	host := script.New(script.Limits{})
	program, err := host.Compile(*source)
	if err != nil {
		return nil, err
	}
	var broken script.Errors
	for _, template := range program.Templates {
		broken = append(broken, delivery.CheckTemplate(template)...)
	}
	if len(broken) > 0 {
		return nil, broken
	}
	log := slog.New(slog.DiscardHandler)
	s := &Simulation{journey: journey, plan: program.Journey, until: until.UTC(), insight: insight.New()}
	if s.store, err = store.Open(store.Options{Log: log}); err != nil {
		return nil, err
	}
	clock := lifecycle.NewManualClock(s.until)
	outbox := delivery.New(delivery.Options{Clock: clock, Recorder: s.insight, Log: log})
	s.engine = engine.New(engine.Options{Clock: clock, Host: host, Outbox: outbox, Recorder: s.insight, Log: log, MaxPending: 1 << 20})
	outbox.SetTemplates(s.engine)
	s.engine.Bind(s.store)
	outbox.Bind(s.store)
	s.insight.Bind(s.store)
	s.store.Start(&machine{s.engine, outbox, s.insight})
	err = s.engine.Publish(ctx, engine.Publish{Source: *source, Mode: lifecycle.Live})
	if err == nil {
		err = s.engine.OpenImport(ctx, simulationSource, true)
	}
	if err != nil {
		s.store.Close()
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
	results, err := s.engine.Import(ctx, simulationSource, kept)
	for _, result := range results {
		if err == nil {
			err = result.Err
		}
	}
	return err
}

// Finish lets everything due by the end happen and returns what became of the customers.
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
		Journey: s.journey, Version: s.plan.Version, Until: s.until, Events: events, Customers: report.Customers, Late: report.Late,
		Stages: without0(j.In), Entered: without0(j.Entered), Converted: without0(j.Converted), Failed: without0(j.Failed),
		Moves: pairs(j.Moves), Refused: pairs(j.Refused), Messages: map[string]int64{},
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
func (s *Simulation) Close() error { return s.store.Close() }

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
