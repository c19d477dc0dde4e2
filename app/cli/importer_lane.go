package cli

import (
	"context"
	"encoding/json"
	"time"

	"stagecraft/app/lifecycle"
)

// item is one row on its way, or a request to say when everything before it is sent.
type item struct {
	record  Record
	encoded json.RawMessage
	drained chan struct{}
}

// wireEvent is an event as the Segment API writes it: what was not given is not there.
type wireEvent struct {
	Type        lifecycle.EventType `json:"type"`
	Name        string              `json:"event,omitempty"`
	MessageID   string              `json:"messageId,omitempty"`
	UserID      string              `json:"userId,omitempty"`
	AnonymousID string              `json:"anonymousId,omitempty"`
	Timestamp   time.Time           `json:"timestamp,omitzero"`
	Properties  json.RawMessage     `json:"properties,omitempty"`
	Traits      json.RawMessage     `json:"traits,omitempty"`
	Context     json.RawMessage     `json:"context,omitempty"`
}

func newItem(record Record) (item, error) {
	encoded, err := encodeRecord(record)
	if err != nil {
		failure := lifecycle.Wrap(lifecycle.Internal, err, "the row cannot be written as JSON")
		failure.File, failure.Line = record.file, record.Row.Line
		return item{}, failure
	}
	return item{record: record, encoded: encoded}, nil
}

func encodeRecord(record Record) ([]byte, error) {
	if record.person != nil {
		return json.Marshal(struct {
			Line     int       `json:"line"`
			ID       string    `json:"id"`
			Customer *customer `json:"customer"`
		}{record.Row.Line, record.ID.String(), record.person})
	}
	event := record.Event
	return json.Marshal(struct {
		Line  int       `json:"line"`
		ID    string    `json:"id"`
		Event wireEvent `json:"event"`
	}{record.Row.Line, record.ID.String(), wireEvent{
		Type: event.Type, Name: event.Name, MessageID: event.MessageID, UserID: event.UserID, AnonymousID: event.AnonymousID,
		Timestamp: event.Timestamp, Properties: event.Properties, Traits: event.Traits, Context: event.Context,
	}})
}

// lane sends the events of some of the customers, one batch at a time.
type lane struct {
	importer *Importer
	items    chan item
	stop     context.CancelCauseFunc // ends the whole import with a reason
}

func (l *lane) put(ctx context.Context, next item) error {
	select {
	case l.items <- next:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// run sends until the lane is closed, or ctx ends; then what is not yet in flight is dropped.
func (l *lane) run(ctx context.Context) {
	var batch []item
	size := 0
	idle := time.NewTimer(l.importer.Idle)
	defer idle.Stop()
	flush := func() {
		if len(batch) > 0 && ctx.Err() == nil {
			if err := l.send(ctx, batch); err != nil {
				l.stop(err)
			}
		}
		batch, size = batch[:0], 0
	}
	for {
		select {
		case <-ctx.Done():
			return
		case next, more := <-l.items:
			if !more || next.drained != nil {
				flush()
				if !more {
					return
				}
				close(next.drained)
				continue
			}
			if len(batch) == maxBatchEvents || size+len(next.encoded)+1 > maxBatchBytes-len(`{"customers":[]}`) {
				flush()
			}
			batch, size = append(batch, next), size+len(next.encoded)+1
			idle.Reset(l.importer.Idle)
		case <-idle.C:
			flush()
		}
	}
}

func (l *lane) send(ctx context.Context, batch []item) error {
	var reply answer
	if _, err := l.importer.Client.Post(ctx, l.importer.path(l.importer.kind())+l.importer.asRun(), batchBody(l.importer.kind(), batch), &reply); err != nil {
		return err
	}
	return l.importer.count(batch, reply)
}

// batchBody is the body of a request.
func batchBody(kind string, batch []item) []byte {
	size := len(kind) + 8
	for _, next := range batch {
		size += len(next.encoded) + 1
	}
	body := append(append(append(make([]byte, 0, size), `{"`...), kind...), `":[`...)
	for i, next := range batch {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, next.encoded...)
	}
	return append(body, "]}"...)
}
