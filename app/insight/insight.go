// Package insight folds what was decided into counters, in the commit of the decision itself, and answers reports from
// them. Reports never scan history.
package insight

import (
	"bytes"
	"context"
	"encoding/binary"
	"strings"
	"sync/atomic"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// Insight counts and reports.
type Insight struct {
	store   *store.Store
	changes atomic.Uint64
}

// New returns an insight; Bind gives it its store.
func New() *Insight { return &Insight{} }

// Bind names the store that reports read.
func (i *Insight) Bind(s *store.Store) { i.store = s }

// Changes grows whenever figures may have changed; who shows them live compares it.
func (i *Insight) Changes() uint64 { return i.changes.Load() }

// Touch says that something else changed that is shown beside the figures.
func (i *Insight) Touch() { i.changes.Add(1) }

// counterKey is k, the journey and the words of the metric with a zero between them. The value is a signed count.
func counterKey(journey string, words ...string) []byte {
	key := append([]byte{'k'}, journey...)
	for _, word := range words {
		key = append(append(key, 0), word...)
	}
	return key
}

func add(tx store.Tx, by int64, journey string, words ...string) {
	key := counterKey(journey, words...)
	var count int64
	if data := tx.Get(key); len(data) == 8 {
		count = int64(binary.BigEndian.Uint64(data))
	}
	tx.Set(key, binary.BigEndian.AppendUint64(nil, uint64(count+by)))
}

// messageStates is the order in which a message's counts stand in their one record, 8 bytes each. Append only.
var messageStates = [...]string{"decided", string(lifecycle.Queued), string(lifecycle.Accepted), string(lifecycle.Failed),
	string(lifecycle.Suppressed), string(lifecycle.Expired), string(lifecycle.Held), "in doubt"}

// addMessage adds one to up to two of a message's counts and takes one from another; "" is none. All its states share a
// record: every message passes through several.
func addMessage(tx store.Tx, f lifecycle.Fact, more, alsoMore, less string) {
	key := counterKey(f.Journey, "message", f.Name)
	record := make([]byte, 8*len(messageStates))
	copy(record, tx.Get(key))
	for i, state := range messageStates {
		count := binary.BigEndian.Uint64(record[8*i:])
		switch state {
		case more, alsoMore:
			count++
		case less:
			count--
		}
		binary.BigEndian.PutUint64(record[8*i:], count)
	}
	tx.Set(key, record)
}

// Fold counts a decision.
func (i *Insight) Fold(tx store.Tx, decision *lifecycle.Decision) {
	for _, f := range decision.Facts {
		switch f.Kind {
		case lifecycle.FactCustomer:
			add(tx, 1, "", "customers")
		case lifecycle.FactEntered:
			add(tx, 1, f.Journey, "entered", f.To)
			add(tx, 1, f.Journey, "in", f.To)
		case lifecycle.FactMoved:
			add(tx, -1, f.Journey, "in", f.From)
			add(tx, 1, f.Journey, "move", f.From, f.To)
		case lifecycle.FactPlaced:
			if f.From != "" {
				add(tx, -1, f.Journey, "in", f.From)
			}
			add(tx, 1, f.Journey, "in", f.To)
		case lifecycle.FactMerged:
			if f.Journey == "" {
				add(tx, -1, "", "customers")
			} else {
				add(tx, -1, f.Journey, "in", f.From)
			}
		case lifecycle.FactRefused:
			add(tx, 1, f.Journey, "refused", f.From, f.To)
		case lifecycle.FactConverted:
			add(tx, 1, f.Journey, "converted", f.From)
		case lifecycle.FactMessage:
			addMessage(tx, f, "decided", f.Reason, "")
		case lifecycle.FactSettled:
			addMessage(tx, f, "", f.To, f.From)
		case lifecycle.FactInDoubt:
			addMessage(tx, f, "in doubt", "", "")
		case lifecycle.FactFailed:
			add(tx, 1, f.Journey, "failed", f.From)
		case lifecycle.FactLate:
			add(tx, 1, "", "late")
		case lifecycle.FactEvent:
			continue // the timeline has it, and nothing shows a count of them
		}
	}
	if len(decision.Facts) > 0 {
		tx.After(func() { i.changes.Add(1) })
	}
}

// counters asks for all counts of a partition.
type counters struct{}

// Ask answers insight's questions; handled is false for a question of someone else.
func (i *Insight) Ask(tx store.Reader, query any) (answer any, handled bool, err error) {
	if _, ok := query.(counters); !ok {
		return nil, false, nil
	}
	counts := map[string]int64{}
	prefix := []byte{'k'}
	tx.Scan(prefix, store.PrefixEnd(prefix), func(key, value []byte) bool {
		name := string(bytes.TrimPrefix(key, prefix))
		if len(value) == 8 {
			counts[name] = int64(binary.BigEndian.Uint64(value))
			return true
		}
		for i := 0; i < len(messageStates) && 8*i+8 <= len(value); i++ {
			counts[name+"\x00"+messageStates[i]] = int64(binary.BigEndian.Uint64(value[8*i:]))
		}
		return true
	})
	return counts, true, nil
}

// Report is the sum over all partitions.
type Report struct {
	Customers int64
	Late      int64 // events of history that came too late to be handled
	Journeys  map[string]*Journey
}

// Journey is one journey in figures. Maps are by stage name, by pair of stages, or by message name and state.
type Journey struct {
	In        map[string]int64
	Entered   map[string]int64
	Converted map[string]int64
	Failed    map[string]int64
	Moves     map[[2]string]int64
	Refused   map[[2]string]int64
	Messages  map[string]map[string]int64
}

// Journey returns the figures of a journey, empty ones if it has none.
func (r *Report) Journey(name string) *Journey {
	j := r.Journeys[name]
	if j == nil {
		j = &Journey{In: map[string]int64{}, Entered: map[string]int64{}, Converted: map[string]int64{}, Failed: map[string]int64{},
			Moves: map[[2]string]int64{}, Refused: map[[2]string]int64{}, Messages: map[string]map[string]int64{}}
		r.Journeys[name] = j
	}
	return j
}

// InDoubt returns how many attempts of all messages have no known result.
func (r *Report) InDoubt() int64 {
	var sum int64
	for _, j := range r.Journeys {
		for _, states := range j.Messages {
			sum += states["in doubt"]
		}
	}
	return sum
}

// Report sums the counters.
func (i *Insight) Report(ctx context.Context) (*Report, error) {
	report := &Report{Journeys: map[string]*Journey{}}
	for p := range i.store.Partitions() {
		answer, err := i.store.Ask(ctx, p, counters{})
		if err != nil {
			return nil, err
		}
		for key, count := range answer.(map[string]int64) {
			report.add(strings.Split(key, "\x00"), count)
		}
	}
	return report, nil
}

func (r *Report) add(words []string, count int64) {
	name, metric := words[0], words[1]
	switch {
	case name == "" && metric == "customers":
		r.Customers += count
	case name == "" && metric == "late":
		r.Late += count
	case len(words) == 3:
		j := r.Journey(name)
		byMetric := map[string]map[string]int64{"in": j.In, "entered": j.Entered, "converted": j.Converted, "failed": j.Failed}
		if counts := byMetric[metric]; counts != nil {
			counts[words[2]] += count
		}
	case len(words) == 4:
		j, pair := r.Journey(name), [2]string{words[2], words[3]}
		switch metric {
		case "move":
			j.Moves[pair] += count
		case "refused":
			j.Refused[pair] += count
		case "message":
			if j.Messages[words[2]] == nil {
				j.Messages[words[2]] = map[string]int64{}
			}
			j.Messages[words[2]][words[3]] += count
		}
	}
}
