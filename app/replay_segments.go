package app

import (
	"fmt"
	"strings"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

// What a replay says of segments.

func everySegment(string) bool { return true }

// byMerge reports whether a fact tells of a segment that somebody entered or left because they became one with somebody else:
// how far that had come by then is no matter of events. Where they stand in the end is compared.
func byMerge(f *lifecycle.Fact) bool {
	return f.Kind == lifecycle.FactSegment && f.Reason == engine.BecauseMerged
}

// onlyByMerge reports whether an entry tells of nothing else.
func onlyByMerge(entry *engine.TimelineEntry) bool {
	for i := range entry.Facts {
		if !byMerge(&entry.Facts[i]) {
			return false
		}
	}
	return entry.Event == nil && len(entry.Facts) > 0
}

// segmentNotes say which segments are not asked again.
func segmentNotes(s *engine.ReplayedSegments) (notes []string) {
	const written = "when they were entered and left is as it was written down"
	if len(s.Ranked) > 0 {
		notes = append(notes, fmt.Sprintf("it is not stored how customers compared when these segments were published, which ask for ranks (%s): %s", strings.Join(s.Ranked, ", "), written))
	}
	if len(s.Before) == 0 {
		return notes
	}
	names := strings.Join(s.Before, ", ")
	if s.Since.IsZero() {
		return append(notes, fmt.Sprintf("segments are not asked again, for it is not stored how they were defined (%s): %s", names, written))
	}
	return append(notes, fmt.Sprintf("how segments were defined is stored since %s: of before, and of those that were gone then, %s (%s)",
		when(s.Since), written, names))
}
