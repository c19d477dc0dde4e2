package engine

import (
	"slices"
	"sort"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
	"stagecraft/app/store"
)

// journey is one journey as a partition runs it.
type journey struct {
	name    string
	file    string // of journey.lua, as handlers name it
	mode    lifecycle.Mode
	program *script.Program
	byStage map[string][]lifecycle.Handler
	started time.Time // of a broadcast: who was let in before was let into another one
	since   time.Time // when its version was published; zero: not known
}

func newJourney(name string, mode lifecycle.Mode, program *script.Program) *journey {
	j := &journey{name: name, file: name + "/journey.lua", mode: mode, program: program, byStage: map[string][]lifecycle.Handler{}}
	for _, stage := range program.Journey.Stages {
		j.byStage[stage.Name] = append(append([]lifecycle.Handler(nil), program.Journey.Handlers...), stage.Handlers...)
	}
	return j
}

func (j *journey) plan() *lifecycle.Journey { return &j.program.Journey }

// handlers returns those of journey.lua, then those of the stage, in the order of the files. A nil stage (one that
// a newer version no longer has) has none of its own.
func (j *journey) handlers(stage *lifecycle.Stage) []lifecycle.Handler {
	if stage == nil {
		return j.program.Journey.Handlers
	}
	return j.byStage[stage.Name]
}

// JourneyState is what a partition keeps of a journey.
type JourneyState struct {
	Name    string         `msgpack:"n"`
	Version string         `msgpack:"v"`
	Mode    lifecycle.Mode `msgpack:"m"`
	Before  lifecycle.Mode `msgpack:"b,omitempty"` // of one that is braked: its mode until then; "": not known
	Resync  bool           `msgpack:"r,omitempty"` // customers from Cursor on have yet to learn of a change
	Cursor  lifecycle.ID   `msgpack:"c,omitempty"`
	Keep    []string       `msgpack:"k,omitempty"` // while older versions are drained: those whose runs go on
	Since   time.Time      `msgpack:"t,omitempty"` // when Version was published
	Spread  spread         `msgpack:"s,omitempty"` // said in the first partition only
}

// Writes reports whether a journey writes to people, or will again as soon as its brake is released.
func (s *JourneyState) Writes() bool {
	return s.Mode == lifecycle.Live || s.Mode == lifecycle.Braked && s.Before == lifecycle.Live
}

// Publish is the input "this is the newest version of the journey". Every partition that has the journey gets it, and
// all get one that is new and not off.
type Publish struct {
	Source  script.Source
	Program *script.Program // Source, if it is compiled already
	Mode    lifecycle.Mode  // of a journey that is new; a known one keeps its own
	Drain   bool            // end the runs of all other versions; else they stay with the version they began with
	ready   *release        // what Source comes to, worked out once for all partitions
	spread  spread
	at      time.Time
	align   bool // Mode is that of the first partition, and holds here too: a change that broke off is undone
}

// SetMode is the input "the journey is off, braked, in shadow or live from now on". Every partition that has the journey
// gets it.
type SetMode struct {
	Journey string
	Mode    lifecycle.Mode
	at      time.Time
}

// Journeys asks for the states of all journeys of a partition.
type Journeys struct{}

func (e *Engine) journeyStates(tx store.Reader) ([]JourneyState, error) {
	var states []JourneyState
	data := tx.Get(journeysKey())
	if data == nil {
		return nil, nil
	}
	if err := store.Decode(data, &states); err != nil {
		return nil, lifecycle.Wrap(lifecycle.Internal, err, "the journeys of partition %d cannot be read", tx.Partition())
	}
	return states, nil
}

// journeys returns the journeys that run, by name. Only the partition's single writer calls it.
func (e *Engine) journeys(tx store.Tx) ([]*journey, error) {
	part := &e.parts[tx.Partition()]
	if part.current {
		return part.journeys, nil
	}
	states, err := e.journeyStates(tx)
	if err != nil {
		return nil, err
	}
	var active []*journey
	modes := make(map[string]lifecycle.Mode, len(states))
	part.draining = nil
	for _, state := range states {
		modes[state.Name] = state.Mode
		if len(state.Keep) > 0 {
			if part.draining == nil {
				part.draining = map[string][]string{}
			}
			part.draining[state.Name] = state.Keep
		}
		if state.Mode == lifecycle.Off || state.Mode == lifecycle.Braked {
			continue
		}
		program, err := e.program(tx, state.Version)
		if err != nil {
			return nil, err
		}
		j := newJourney(state.Name, state.Mode, program)
		j.since = state.Since
		active = append(active, j)
	}
	if part.broadcasts, err = e.broadcastJourneys(tx); err != nil {
		return nil, err
	}
	part.journeys, part.current = active, true
	part.modes.Store(&modes)
	return active, nil
}

// forgetJourneys lets the next input read the journeys anew.
func (e *Engine) forgetJourneys(tx store.Reader) {
	part := &e.parts[tx.Partition()]
	part.current = false
	part.modes.Store(nil)
}

// Mode returns what a journey may do in a partition; "" if there is no such journey. It is delivery's way to hold the
// messages of a journey that is braked.
func (e *Engine) Mode(tx store.Reader, name string) lifecycle.Mode {
	if modes := e.parts[tx.Partition()].modes.Load(); modes != nil {
		return (*modes)[name]
	}
	states, _ := e.journeyStates(tx)
	for _, state := range states {
		if state.Name == name {
			return state.Mode
		}
	}
	return ""
}

// AnyHeld reports whether the messages of any journey stay where they are.
func (e *Engine) AnyHeld(tx store.Reader) bool {
	states, _ := e.journeyStates(tx)
	return slices.ContainsFunc(states, func(s JourneyState) bool { return s.Mode == lifecycle.Braked || s.Mode == lifecycle.Shadow })
}

func (e *Engine) publish(tx store.Tx, in Publish) error {
	if in.ready == nil {
		in.ready = newRelease(in.Source, in.Source.Version())
	}
	version := in.ready.version
	if !tx.Has(versionKey(version)) {
		tx.Set(versionKey(version), in.ready.stored())
	}
	if _, err := e.program(tx, version); err != nil {
		return err
	}
	return e.changeJourney(tx, in.at, in.Source.Name, func(state *JourneyState, isNew bool) {
		if in.Drain {
			state.Keep = nil
		}
		if (in.Drain || len(state.Keep) > 0) && !slices.Contains(state.Keep, version) {
			state.Keep = append(slices.Clone(state.Keep), version)
		}
		state.Version = version
		if isNew || in.align {
			state.Mode = in.Mode
		}
		if tx.Partition() == 0 {
			state.Spread = in.spread
		}
	})
}

func (e *Engine) setMode(tx store.Tx, in SetMode) error {
	missing := false
	err := e.changeJourney(tx, in.at, in.Journey, func(state *JourneyState, isNew bool) { missing = isNew; state.Mode = in.Mode })
	if missing {
		return lifecycle.Errorf(lifecycle.NotFound, "there is no journey %q", in.Journey)
	}
	return err
}

// changeJourney changes one journey's state and leaves word that the customers in it must be looked at.
func (e *Engine) changeJourney(tx store.Tx, when time.Time, name string, change func(state *JourneyState, isNew bool)) error {
	states, err := e.journeyStates(tx)
	if err != nil {
		return err
	}
	at := sort.Search(len(states), func(i int) bool { return states[i].Name >= name })
	isNew := at == len(states) || states[at].Name != name
	if isNew {
		states = append(states[:at:at], append([]JourneyState{{Name: name}}, states[at:]...)...)
	}
	before := states[at]
	change(&states[at], isNew)
	after := &states[at]
	if after.Mode == lifecycle.Braked && before.Mode != lifecycle.Braked {
		after.Before = before.Mode
	}
	same := after.Version == before.Version && after.Mode == before.Mode && slices.Equal(after.Keep, before.Keep)
	if same && after.Spread == before.Spread {
		return nil
	}
	if after.Version != before.Version {
		after.Since = when
	}
	if !same {
		e.keepPast(tx, when, after)
	}
	if !same && anyCustomer(tx) {
		after.Resync, after.Cursor = true, lifecycle.ID{}
		e.hint(tx, time.Unix(0, 0))
	} else if !after.Resync {
		after.Keep = nil // there is nobody to look at
	}
	tx.Set(journeysKey(), store.Encode(states))
	return nil
}

func anyCustomer(tx store.Reader) (any bool) {
	tx.Scan(customerKey(lifecycle.ID{}), []byte{'c' + 1}, func([]byte, []byte) bool { any = true; return false })
	return any
}
