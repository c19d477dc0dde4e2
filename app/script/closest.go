package script

import (
	"fmt"
	"slices"
	"strings"
)

// closest returns those of the names that a person may have meant, best first, at most three.
func closest(wrong string, names []string) []string {
	type near struct {
		name     string
		distance int
	}
	limit := max(1, min(len(wrong), 12)/3)
	var found []near
	folded := strings.ToLower(wrong)
	if len(folded) > 64 {
		return nil
	}
	for _, name := range names {
		if len(name) > 64 {
			continue
		}
		if d := distance(folded, strings.ToLower(name)); d <= limit {
			found = append(found, near{name, d})
		}
	}
	slices.SortStableFunc(found, func(a, b near) int {
		if a.distance != b.distance {
			return a.distance - b.distance
		}
		return strings.Compare(a.name, b.name)
	})
	var result []string
	for i := 0; i < len(found) && i < 3; i++ {
		result = append(result, found[i].name)
	}
	return result
}

// DidYouMean returns a hint for a wrong name: the closest of the names, or otherwise the text given instead.
func DidYouMean(wrong string, names []string, otherwise string) string {
	return didYouMean(wrong, names, otherwise)
}

// didYouMean returns a hint that offers the closest names, or otherwise the text given instead.
func didYouMean(wrong string, names []string, otherwise string) string {
	near := closest(wrong, names)
	if len(near) == 0 {
		return otherwise
	}
	for i, name := range near {
		near[i] = fmt.Sprintf("%q", name)
	}
	return "did you mean " + strings.Join(near, " or ") + "?"
}

// oneOf lists names for a hint.
func oneOf(names []string) string {
	names = slices.Clone(names)
	slices.Sort(names)
	if len(names) > 12 {
		names = append(names[:12], "…")
	}
	return strings.Join(names, ", ")
}

// distance is the number of letters to insert, delete, replace or swap with their neighbour (optimal string alignment).
func distance(a, b string) int {
	if len(a) == 0 || len(b) == 0 {
		return len(a) + len(b)
	}
	before, above, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range above {
		above[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(above[j]+1, row[j-1]+1, above[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, above, row = above, row, before
	}
	return above[len(b)]
}
