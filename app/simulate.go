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
	beside  Beside
	ranked  bool // segments ask for ranks
	plan    lifecycle.Journey
	until   time.Time
	tally   tally
	later   atomic.Int64 // events that were left out

	forecast *delivery.Forecast // nil: nobody asks about caps
}

// maxErrors is how many script errors a result shows.
const maxErrors = 5

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

	Segments map[string]SegmentFigures `json:"segments,omitempty"` // by name, if the scripts folder has any
	Scores   map[string]ScoreFigures   `json:"scores,omitempty"`   // by name, if any are declared or somebody was given points; "": the score without a name

	Errors []string `json:"errors,omitempty"` // the first few script errors
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

// NewSimulation prepares a journey with what stands beside it. Events after until are not part of it.
func NewSimulation(ctx context.Context, version Version, until time.Time) (*Simulation, error) {
	return newSimulation(ctx, version, until, nil)
}

// newSimulation prepares a version; see, if it is not nil, hears of everything that is decided.
func newSimulation(ctx context.Context, version Version, until time.Time, see func(lifecycle.ID, []lifecycle.Fact)) (*Simulation, error) {
	host := script.New(script.Limits{})
	s := &Simulation{journey: version.Journey.Name, beside: version.Beside, until: until.UTC()}
	world, err := newScratch(scratchOptions{host: host, clock: lifecycle.NewManualClock(until.UTC()), figures: true,
		witness: &witness{facts: see, tally: &s.tally, decided: s.decided}})
	if err != nil {
		return nil, err
	}
	s.scratch = world
	if err = s.publishAll(ctx, host, version); err == nil {
		err = s.engine.OpenImport(ctx, simulationSource, true)
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Simulation) publishAll(ctx context.Context, host *script.Host, version Version) error {
	program, err := s.publish(ctx, host, version.Journey)
	if err != nil {
		return err
	}
	s.plan = program.Journey
	if len(version.Segments.Files) > 0 {
		segments, err := host.CompileSegments(version.Segments)
		if err != nil {
			return err
		}
		s.ranked = segments.Ranked()
	}
	return s.publishBeside(ctx, version.Beside)
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
	if s.ranked { // as a server does it soon after its first import
		if err := s.engine.RankNow(ctx); err != nil {
			return nil, err
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
	for p := 0; p < s.store.Partitions() && len(result.Failed) > 0 && len(result.Errors) < maxErrors; p++ {
		answer, err := s.store.Ask(ctx, p, engine.DeadLetters{Limit: 1})
		if err != nil {
			return nil, err
		}
		for _, letter := range answer.([]engine.DeadLetter) {
			failure := lifecycle.Error{Message: letter.Message, File: letter.File, Line: letter.Line, Hint: letter.Hint}
			result.Errors = append(result.Errors, failure.Error())
		}
	}
	return result, s.besides(ctx, result)
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
