package engine

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// What is known of imports by their sources' names: how far they are, and the mapping with which their files are read.
// A mapping lies in the partition of its source, behind the key of the import's record.

// MaxMapping is how many bytes a saved mapping may have.
const MaxMapping = 64 << 10

type savedMapping struct {
	Source string `msgpack:"s"`
	Data   []byte `msgpack:"d"` // JSON, for whoever reads files
}

func mappingKey(source string) []byte { return append(importKey(sourceID(source)), 'm') }

// saveMapping is the input "files of this source are read so from now on"; no data forgets it.
type saveMapping struct{ savedMapping }

func (e *Engine) saveMapping(tx store.Tx, in saveMapping) {
	if len(in.Data) == 0 {
		tx.Delete(mappingKey(in.Source))
		return
	}
	tx.Set(mappingKey(in.Source), store.Encode(&in.savedMapping))
}

// importsOf asks a partition for the mappings it keeps, and for the imports it knows, which are all.
type importsOf struct{}

type importsAnswer struct {
	imports  []importRecord
	mappings []savedMapping
}

func (e *Engine) importsOf(tx store.Reader) (answer importsAnswer, failed error) {
	prefix := []byte{'H'}
	tx.Scan(prefix, store.PrefixEnd(prefix), func(key, value []byte) bool {
		if len(key) == len(importKey(lifecycle.ID{})) {
			var record importRecord
			failed = store.Decode(value, &record)
			answer.imports = append(answer.imports, record)
		} else {
			var mapping savedMapping
			failed = store.Decode(value, &mapping)
			answer.mappings = append(answer.mappings, mapping)
		}
		return failed == nil
	})
	return answer, failed
}

// ImportState is what is known of a source.
type ImportState struct {
	Source  string
	State   string // ImportOpen, ImportClosing or ImportClosed; empty: only its mapping is known
	History bool
	Began   time.Time // of the latest run; zero: not known
	Ended   time.Time // of the latest run; zero: not yet
	Aborted bool
	Runs    int
	Mapping []byte // JSON; nil: none is saved
}

// Imports lists what is known of all sources, by name.
func (e *Engine) Imports(ctx context.Context) ([]ImportState, error) {
	var states []ImportState
	at := map[string]int{}
	of := func(source string) *ImportState {
		if _, known := at[source]; !known {
			at[source] = len(states)
			states = append(states, ImportState{Source: source})
		}
		return &states[at[source]]
	}
	for p := range lifecycle.Partitions {
		answer, err := e.store.Ask(ctx, p, importsOf{})
		if err != nil {
			return nil, err
		}
		found := answer.(importsAnswer)
		for _, record := range found.imports {
			state := of(record.Source)
			if state.State != "" && sourceID(record.Source).Partition() != p {
				continue // what the partition of its own ID says holds
			}
			state.State, state.History, state.Began, state.Runs = record.State, record.History, record.Began, len(record.Former)+1
			state.Ended, state.Aborted = record.At, record.Abort && record.State != ImportOpen
		}
		for _, mapping := range found.mappings {
			of(mapping.Source).Mapping = bytes.Clone(mapping.Data)
		}
	}
	slices.SortFunc(states, func(a, b ImportState) int { return strings.Compare(a.Source, b.Source) })
	return states, nil
}

// SaveMapping keeps the mapping of a source, in JSON; none forgets it.
func (e *Engine) SaveMapping(ctx context.Context, source string, data []byte) error {
	if len(data) > MaxMapping {
		return lifecycle.Errorf(lifecycle.TooLarge, "the mapping has %d bytes; the limit is %d", len(data), MaxMapping)
	}
	_, err := e.store.Do(ctx, sourceID(source).Partition(), saveMapping{savedMapping{source, data}})
	return err
}

// mappingOf asks for the mapping of a source.
type mappingOf struct{ Source string }

func (e *Engine) mappingOf(tx store.Reader, q mappingOf) (savedMapping, error) {
	data := tx.Get(mappingKey(q.Source))
	if data == nil {
		return savedMapping{}, lifecycle.Errorf(lifecycle.NotFound, "no mapping is saved for %q", q.Source)
	}
	var mapping savedMapping
	return mapping, store.Decode(data, &mapping)
}

// Mapping returns the saved mapping of a source; NotFound if there is none.
func (e *Engine) Mapping(ctx context.Context, source string) ([]byte, error) {
	answer, err := e.store.Ask(ctx, sourceID(source).Partition(), mappingOf{source})
	if err != nil {
		return nil, err
	}
	return answer.(savedMapping).Data, nil
}

// applyImports handles the inputs of this file and of rows.go; handled is false for an input of someone else.
func (e *Engine) applyImports(tx store.Tx, input any) (answer any, handled bool, err error) {
	if in, ok := input.(saveMapping); ok {
		e.saveMapping(tx, in)
		return nil, true, nil
	}
	return e.applyLab(tx, input)
}

// askImports answers the questions of imports and exports.
func (e *Engine) askImports(tx store.Reader, query any) (answer any, handled bool, err error) {
	switch q := query.(type) {
	case importsOf:
		answer, err = e.importsOf(tx)
	case mappingOf:
		answer, err = e.mappingOf(tx, q)
	case lookRows:
		answer = e.lookRows(tx, q)
	case exportCustomers:
		answer, err = e.exportCustomers(tx, q)
	case exportTimeline:
		answer, err = e.exportTimeline(tx, q)
	default:
		return e.askLab(tx, query)
	}
	return answer, true, err
}
