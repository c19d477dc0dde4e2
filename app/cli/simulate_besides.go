package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"stagecraft/app"
)

// besides shows what became of segments and scores; nothing where there are none.
func besides(r *app.SimulationResult) string {
	var out strings.Builder
	if len(r.Segments) > 0 {
		fmt.Fprintf(&out, "\n%-42s %12s %12s %12s\n", "segments", "members", "entered", "left")
	}
	for _, name := range slices.Sorted(maps.Keys(r.Segments)) {
		s := r.Segments[name]
		fmt.Fprintf(&out, "  %-40s %12d %12d %12d\n", name, s.Members, s.Entered, s.Left)
	}
	if len(r.Scores) > 0 {
		fmt.Fprintf(&out, "\n%-42s %12s %12s %12s\n", "scores", "with points", "reached", "fell below")
	}
	for _, name := range slices.Sorted(maps.Keys(r.Scores)) {
		s := r.Scores[name]
		fmt.Fprintf(&out, "  %-40s %12d\n", app.ScoreTitle(name), s.Customers)
		for _, t := range s.Thresholds {
			fmt.Fprintf(&out, "    %-38v %12s %12d %12d\n", t.Threshold, "", t.Reached, t.FellBelow)
		}
	}
	return out.String()
}
