package config

import (
	"regexp"
	"slices"
)

// dispositionName is how an operator names a way in which calls end.
var dispositionName = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// Bounds of what an agent can choose among.
const (
	maxDispositions     = 20
	maxDispositionBytes = 40
)

func (c *Config) checkDispositions(problems *Problems) {
	const flag = "--call-dispositions"
	if len(c.CallDispositions) > maxDispositions {
		problems.add(flag, "it names %d; an agent has to choose among them, so at most %d are taken", len(c.CallDispositions), maxDispositions)
	}
	there := []string{"reached", "no-answer", "busy", "wrong-number", "refused", "call-back"}
	for _, name := range c.CallDispositions {
		switch {
		case len(name) > maxDispositionBytes || !dispositionName.MatchString(name):
			problems.add(flag, "%.80q cannot name one; use small letters, digits and -, such as not-interested", name)
		case slices.Contains(there, name):
			problems.add(flag, "%s is there already", name)
		}
		there = append(there, name)
	}
}
