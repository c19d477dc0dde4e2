package app

import (
	"maps"
	"slices"
	"strconv"
)

// changes lists the figures that differ, those of one kind together.
func changes(old, new *SimulationResult) []DiffCount {
	list := []DiffCount{}
	were := figuresOf(old)
	for i, is := range figuresOf(new) {
		was := were[i].counts
		names := slices.Collect(maps.Keys(was))
		for name := range is.counts {
			if _, ok := was[name]; !ok {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		for _, name := range names {
			if was[name] != is.counts[name] {
				list = append(list, DiffCount{is.kind, name, was[name], is.counts[name]})
			}
		}
	}
	return list
}

// kindOfFigures are figures of a simulation that are compared name by name.
type kindOfFigures struct {
	kind   string
	counts map[string]int64
}

func figuresOf(r *SimulationResult) []kindOfFigures {
	members, entered, left := map[string]int64{}, map[string]int64{}, map[string]int64{}
	for name, segment := range r.Segments {
		members[name], entered[name], left[name] = segment.Members, segment.Entered, segment.Left
	}
	points, reached, fell := map[string]int64{}, map[string]int64{}, map[string]int64{}
	for name, score := range r.Scores {
		points[ScoreTitle(name)] = score.Customers
		for _, crossed := range score.Thresholds {
			threshold := ScoreTitle(name) + " " + strconv.FormatFloat(crossed.Threshold, 'f', -1, 64)
			reached[threshold], fell[threshold] = crossed.Reached, crossed.FellBelow
		}
	}
	return []kindOfFigures{{"stages", r.Stages}, {"entered", r.Entered}, {"moves", r.Moves}, {"messages", r.Messages}, {"caps hit", r.Capped},
		{"refused", r.Refused}, {"converted", r.Converted}, {"exited", r.Exited}, {"failed", r.Failed},
		{"segment members", members}, {"segment entered", entered}, {"segment left", left},
		{"score", points}, {"score reached", reached}, {"score fell below", fell}}
}

// ScoreTitle names a score for people.
func ScoreTitle(name string) string {
	if name == "" {
		return "(without a name)"
	}
	return name
}
