package config

import (
	"regexp"
	"slices"
)

// Sources are the programs and files that events come from beside the API.
type Sources struct {
	Precedence []string `name:"source-precedence" env:"STAGECRAFT_SOURCE_PRECEDENCE" placeholder:"SOURCE,..." help:"Sources whose words about a customer's traits count before those of others, the first of them most: names of sources, imports and keys, api for the write key, browser for the browser key. One that stands later never overwrites an earlier one; those that are not named come last, and keys that are not named count as api. Default: none, the latest word holds."`
	Allow      []string `name:"source-allow" env:"STAGECRAFT_SOURCE_ALLOW" placeholder:"HOST,..." help:"Hosts in the own network, as their names or addresses stand in the URL, that sources may fetch from. Default: none, only addresses of the public internet."`
}

// sourceName is what sources, imports and keys can be called; a comma parts them in the list.
var sourceName = regexp.MustCompile(`^[\pL\pN][^\x00-\x1f\x7f,]{0,199}$`)

func (s Sources) check(problems *Problems) {
	const flag = "--source-precedence"
	for i, name := range s.Precedence {
		switch {
		case !sourceName.MatchString(name):
			problems.add(flag, "%.80q cannot name a source", name)
		case slices.Contains(s.Precedence[:i], name):
			problems.add(flag, "%s stands there twice", name)
		}
	}
}
