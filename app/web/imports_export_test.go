package web

import (
	"time"

	"stagecraft/app/lifecycle"
)

// ImportRuns are the imports that send.
type ImportRuns struct{ importRuns }

// MaxImportRuns and ImportLease bound what is remembered of them.
const (
	MaxImportRuns = maxImportRuns
	ImportLease   = importLease
)

// Begin opens an import.
func (r *ImportRuns) Begin(source, run string, now time.Time) error { return r.begin(source, run, now) }

// Work begins a request.
func (r *ImportRuns) Work(source, run string, clock lifecycle.Clock) (func(), error) {
	return r.work(source, run, clock)
}

// End closes an import.
func (r *ImportRuns) End(source, run string) { r.end(source, run) }

// Took notes rows that came in.
func (r *ImportRuns) Took(source string, rows int, now time.Time) {
	r.note(source, now, importTaken{Accepted: rows}, &rowsRead{})
}

// Taken returns how many rows came in; -1: nothing is known of the source.
func (r *ImportRuns) Taken(source string) int {
	if taken := r.of(source); taken != nil {
		return taken.Accepted
	}
	return -1
}
