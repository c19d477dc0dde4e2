package engine

import (
	"time"

	"stagecraft/app/store"
)

// TakeSegments takes a version of the segments, as of a time, in one partition.
func (e *Engine) TakeSegments(tx store.Tx, version string, at time.Time) error {
	defer e.forgetSegments(tx)
	return e.publishSegments(tx, publishSegments{Version: version, Packed: []byte(version), At: at})
}

// UnkeepSegments leaves the table as it was before any past of segments was kept.
func (e *Engine) UnkeepSegments(tx store.Tx) error {
	table, err := readSegmentTable(tx)
	if err != nil {
		return err
	}
	tx.Delete(versionKey(table.Version))
	table.Past = nil
	tx.Set(segmentTableKey(), store.Encode(table))
	return nil
}

// KeptSegments returns what is known of the past, oldest first, and reports whether the source of a version is kept.
func (e *Engine) KeptSegments(tx store.Reader) (past []SegmentsPast, has func(version string) bool) {
	table, err := readSegmentTable(tx)
	if err != nil {
		return nil, nil
	}
	return table.Past, func(version string) bool { return tx.Has(versionKey(version)) }
}

// WalkSegments returns the input that asks so many customers, for as long as so many steps are left.
func WalkSegments(limit, steps int, at time.Time) any {
	return walkSegments{Limit: limit, Steps: steps, At: at}
}
