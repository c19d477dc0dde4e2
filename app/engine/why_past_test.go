package engine_test

import (
	"testing"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

// TestATimelineEntryKeepsItsMark reads an entry with a mark, and one that was written before there were any.
func TestATimelineEntryKeepsItsMark(t *testing.T) {
	entry, read := storedEntry(), engine.TimelineEntry{}
	entry.Mark = lifecycle.HashID("line", "shop", "7")
	if err := read.ReadRecord(entry.AppendRecord(nil)); err != nil || read.Mark != entry.Mark || read.Event.Name != entry.Event.Name {
		t.Errorf("%v, %+v", err, read)
	}
	former := storedEntry().AppendRecord(nil)
	former[0] = 1
	if err := read.ReadRecord(former); err != nil || !read.Mark.IsZero() || len(read.Facts) != 3 {
		t.Errorf("%v, %+v", err, read)
	}
}
