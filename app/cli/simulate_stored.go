package cli

import (
	"context"
	"fmt"
	"io"

	"stagecraft/app"
	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

// storedHistory reads over HTTP what a running server has stored, customer by customer.
type storedHistory struct {
	ctx       context.Context
	history   *app.History
	lines     []engine.Line
	customers []lifecycle.ID
	partition int
}

func newStoredHistory(ctx context.Context, client *Client) *storedHistory {
	s := &storedHistory{ctx: ctx}
	s.history = app.NewHistory(func(ctx context.Context, partition int, from []byte) ([]engine.Past, []byte, error) {
		var page struct {
			Past []engine.Past `json:"past"`
			Next string        `json:"next"`
		}
		s.partition = partition
		if _, err := client.Get(ctx, fmt.Sprintf("/api/history?partition=%d&cursor=%s", partition, from), &page); err != nil {
			return nil, nil, err
		}
		return page.Past, []byte(page.Next), nil
	})
	return s
}

// Next returns the next event; a customer's come one after the other, in order of time.
func (s *storedHistory) Next() (Record, error) {
	if len(s.lines) == 0 {
		var err error
		if s.lines, s.customers, err = s.history.Next(s.ctx); err != nil {
			return Record{}, err
		}
		if len(s.lines) == 0 {
			return Record{}, io.EOF
		}
	}
	line, customer := s.lines[0], s.customers[0]
	s.lines, s.customers = s.lines[1:], s.customers[1:]
	return Record{ID: lifecycle.HashID("stored", line.ID), Event: line.Event, customer: customer}, nil
}

// Position counts partitions: how many events there are, nobody knows before they are read.
func (s *storedHistory) Position() (done, total int64) {
	return int64(s.partition), lifecycle.Partitions
}

// Close has nothing to close.
func (s *storedHistory) Close() error { return nil }
