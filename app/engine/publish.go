package engine

import (
	"context"
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
	Resync  bool           `msgpack:"r,omitempty"` // customers from Cursor on have yet to learn of a change
	Cursor  lifecycle.ID   `msgpack:"c,omitempty"`
	Keep    []string       `msgpack:"k,omitempty"` // while older versions are drained: those whose runs go on
}

// Publish is the input "this is the newest version of the journey". Every partition gets it.
type Publish struct {
	Source script.Source
	Mode   lifecycle.Mode // of a journey that is new; a known one keeps its own
	Drain  bool           // end the runs of all other versions; else they stay with the version they began with
	ready  *release       // what Source comes to, worked out once for all partitions
	align  bool           // Mode is that of the first partition, and holds here too: a change that broke off is undone
}

// SetMode is the input "the journey is off, braked, in shadow or live from now on". Every partition gets it.
type SetMode struct {
	Journey string
	Mode    lifecycle.Mode
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
		j := &journey{name: state.Name, file: state.Name + "/journey.lua", mode: state.Mode, program: program, byStage: map[string][]lifecycle.Handler{}}
		for _, stage := range program.Journey.Stages {
			j.byStage[stage.Name] = append(append([]lifecycle.Handler(nil), program.Journey.Handlers...), stage.Handlers...)
		}
		active = append(active, j)
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

// program returns a compiled version, from memory or from the files that were published with it.
func (e *Engine) program(tx store.Reader, version string) (*script.Program, error) {
	if known, ok := e.programs.Load(version); ok {
		return known.(*script.Program), nil
	}
	source, err := e.Source(tx, version)
	if err != nil {
		return nil, err
	}
	program, err := e.host.Compile(source)
	if err != nil {
		return nil, lifecycle.Wrap(lifecycle.ScriptFailed, err, "version %s of %s does not compile any more", version, source.Name)
	}
	known, _ := e.programs.LoadOrStore(version, program)
	return known.(*script.Program), nil
}

type manifest struct {
	Name  string                  `msgpack:"n"`
	Files map[string]lifecycle.ID `msgpack:"f"`
}

// Source reads the files of a published version.
func (e *Engine) Source(tx store.Reader, version string) (script.Source, error) {
	var list manifest
	data := tx.Get(versionKey(version))
	if data == nil {
		return script.Source{}, lifecycle.Errorf(lifecycle.NotFound, "there is no script version %s", version)
	}
	if err := store.Decode(data, &list); err != nil {
		return script.Source{}, lifecycle.Wrap(lifecycle.Internal, err, "script version %s cannot be read", version)
	}
	source := script.Source{Name: list.Name, Files: map[string][]byte{}}
	for path, hash := range list.Files {
		source.Files[path] = tx.Get(fileKey(hash))
	}
	return source, nil
}

// Template returns the template of a message as the version that decided it had it. It is delivery's way to scripts.
func (e *Engine) Template(tx store.Reader, version, name, channel, locale string) (*lifecycle.Template, error) {
	program, err := e.program(tx, version)
	if err != nil {
		return nil, err
	}
	template, ok := program.Template(name, channel, locale)
	if !ok {
		return nil, lifecycle.Errorf(lifecycle.NotFound, "version %s has no message %q for %s", version, name, channel)
	}
	return template, nil
}

// release is a version as it is stored.
type release struct {
	version string
	list    manifest
}

func newRelease(source script.Source) *release {
	r := &release{source.Version(), manifest{Name: source.Name, Files: map[string]lifecycle.ID{}}}
	for path, content := range source.Files {
		r.list.Files[path] = lifecycle.HashID("file", string(content))
	}
	return r
}

func (e *Engine) publish(tx store.Tx, in Publish) error {
	if in.ready == nil {
		in.ready = newRelease(in.Source)
	}
	version := in.ready.version
	if tx.Get(versionKey(version)) == nil {
		for path, hash := range in.ready.list.Files {
			if tx.Get(fileKey(hash)) == nil {
				tx.Set(fileKey(hash), in.Source.Files[path])
			}
		}
		tx.Set(versionKey(version), store.Encode(&in.ready.list))
	}
	if _, err := e.program(tx, version); err != nil {
		return err
	}
	return e.changeJourney(tx, in.Source.Name, func(state *JourneyState, isNew bool) {
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
	})
}

func (e *Engine) setMode(tx store.Tx, in SetMode) error {
	missing := false
	err := e.changeJourney(tx, in.Journey, func(state *JourneyState, isNew bool) { missing = isNew; state.Mode = in.Mode })
	if missing {
		return lifecycle.Errorf(lifecycle.NotFound, "there is no journey %q", in.Journey)
	}
	return err
}

// changeJourney changes one journey's state and leaves word that the customers in it must be looked at.
func (e *Engine) changeJourney(tx store.Tx, name string, change func(state *JourneyState, isNew bool)) error {
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
	if after := states[at]; after.Version == before.Version && after.Mode == before.Mode && slices.Equal(after.Keep, before.Keep) {
		return nil
	}
	states[at].Resync, states[at].Cursor = true, lifecycle.ID{}
	tx.Set(journeysKey(), store.Encode(states))
	e.hint(tx, time.Unix(0, 0))
	return nil
}

// Publish gives a version to every partition. The caller has compiled it. Publishing again what is known repairs what an
// earlier call, broken off in the middle, left different among the partitions.
func (e *Engine) Publish(ctx context.Context, in Publish) error {
	e.publishing.Lock()
	defer e.publishing.Unlock()
	states, err := e.States(ctx)
	if err != nil {
		return err
	}
	for _, state := range states {
		if state.Name == in.Source.Name {
			in.Mode, in.align = state.Mode, true
		}
	}
	in.ready = newRelease(in.Source)
	return e.everywhere(ctx, in)
}

// SetMode sets a journey's mode in every partition.
func (e *Engine) SetMode(ctx context.Context, in SetMode) error {
	e.publishing.Lock()
	defer e.publishing.Unlock()
	return e.everywhere(ctx, in)
}

// everywhere gives an input to every partition, to the first one last: States reads that one, so what it says has come
// to all of them.
func (e *Engine) everywhere(ctx context.Context, input any) error {
	items := make([]store.Item, lifecycle.Partitions-1)
	for i := range items {
		items[i] = store.Item{Partition: i + 1, Input: input}
	}
	for _, result := range e.store.DoAll(ctx, items) {
		if result.Err != nil {
			return result.Err
		}
	}
	_, err := e.store.Do(ctx, 0, input)
	return err
}

// States returns the journeys as the first partition has them.
func (e *Engine) States(ctx context.Context) ([]JourneyState, error) {
	answer, err := e.store.Ask(ctx, 0, Journeys{})
	if err != nil {
		return nil, err
	}
	return answer.([]JourneyState), nil
}

// Program returns a compiled version.
func (e *Engine) Program(version string) (*script.Program, bool) {
	known, ok := e.programs.Load(version)
	if !ok {
		return nil, false
	}
	return known.(*script.Program), true
}

// sourceOf asks for the files of a published version.
type sourceOf struct{ Version string }

// SourceOf returns the files of a version that was published at some time.
func (e *Engine) SourceOf(ctx context.Context, version string) (script.Source, error) {
	answer, err := e.store.Ask(ctx, 0, sourceOf{version})
	if err != nil {
		return script.Source{}, err
	}
	return answer.(script.Source), nil
}
