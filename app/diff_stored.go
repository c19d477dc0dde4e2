package app

import (
	"context"
	"slices"
	"strconv"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
)

// Bounds of a comparison over what a server has stored: it runs beside the server, in its memory.
const (
	maxStoredEvents = 30_000  // then it says that it has looked at a part; two versions of so many take about 500 MB
	maxStoredWork   = 600_000 // that is decided in each version, as limit counts; about twice what so many events need
	storedPage      = 1 << 20 // bytes read at once
	storedExamples  = 10
)

// Page reads a part of what a partition has stored, as engine.PastEvents does.
type Page func(ctx context.Context, partition int, from []byte) (past []engine.Past, next []byte, err error)

// History reads what a server has stored for a Diff or a Simulation, a page at a time. Customers come in the order of
// their partitions and IDs, which has nothing to do with who they are: the first thousand are a fair sample.
type History struct {
	page      Page
	partition int
	from      []byte
	held      []engine.Past // of a customer who may go on in the next page
}

// NewHistory begins at the first partition.
func NewHistory(page Page) *History { return &History{page: page} }

// Next returns events, each customer's whole life in order of time; none at the end. It also returns the customer of
// each.
func (h *History) Next(ctx context.Context) ([]engine.Line, []lifecycle.ID, error) {
	for h.partition < lifecycle.Partitions {
		past, next, err := h.page(ctx, h.partition, h.from)
		if err != nil {
			return nil, nil, err
		}
		h.held = append(h.held, past...)
		h.from = next
		complete := len(h.held)
		if len(next) == 0 {
			h.partition++
		} else { // the last one may go on
			for complete > 0 && h.held[complete-1].Customer == h.held[len(h.held)-1].Customer {
				complete--
			}
		}
		lines, customers := lived(h.held[:complete])
		h.held = h.held[complete:]
		if len(lines) > 0 {
			return lines, customers, nil
		}
	}
	return nil, nil, nil
}

// lived puts lives into the order in which they were lived.
func lived(past []engine.Past) ([]engine.Line, []lifecycle.ID) {
	past = slices.Clone(past)
	slices.Reverse(past) // each was newest first
	slices.SortStableFunc(past, func(a, b engine.Past) int {
		if c := slices.Compare(a.Customer[:], b.Customer[:]); c != 0 {
			return c
		}
		return a.At.Compare(b.At)
	})
	lines, customers := make([]engine.Line, len(past)), make([]lifecycle.ID, len(past))
	for i, p := range past {
		// The event happens at the time at which the server handled it, as it did there.
		p.Event.Timestamp = p.At
		lines[i], customers[i] = engine.Line{ID: p.Customer.String() + " " + strconv.Itoa(i), Event: p.Event}, p.Customer
	}
	return lines, customers
}

// Diff runs two versions over the stored history and says what they do differently.
func (p *publisher) Diff(ctx context.Context, old, new script.Source) (answer any, err error) {
	beside, err := p.published(ctx)
	if err != nil {
		return nil, err
	}
	d, err := NewDiff(ctx, Version{old, beside}, Version{new, beside}, p.clock.Now())
	if err != nil {
		return nil, err
	}
	defer d.Close()
	d.Caps(p.policy)
	for _, s := range []*side{d.old, d.new} {
		var end func(*error)
		s.limit.most = maxStoredWork
		ctx, end = s.limit.within(ctx)
		defer end(&err)
	}
	history, events, partial := NewHistory(p.stored), 0, false
	for {
		lines, _, err := history.Next(ctx)
		if err != nil {
			return nil, err
		}
		if len(lines) == 0 {
			break
		}
		if partial = events > 0 && events+len(lines) > maxStoredEvents; partial {
			break
		}
		if err = d.Take(ctx, lines); err != nil {
			return nil, err
		}
		events += len(lines)
	}
	result, err := d.Finish(ctx, events, storedExamples)
	if err != nil {
		return nil, err
	}
	result.Partial = partial
	return result, nil
}

// published returns what stands beside the journeys as it runs, which may be older than what is on the disk.
func (p *publisher) published(ctx context.Context) (b Beside, err error) {
	if b.Segments, err = p.engine.SegmentSource(ctx); err == nil {
		b.Scores, err = p.engine.ScoreRules(ctx)
	}
	return b, err
}

// stored reads a page of what the server itself has.
func (p *publisher) stored(ctx context.Context, partition int, from []byte) ([]engine.Past, []byte, error) {
	return p.engine.PastEvents(ctx, partition, from, storedPage)
}
