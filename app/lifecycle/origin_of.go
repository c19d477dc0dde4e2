package lifecycle

import (
	"slices"
	"strings"
)

// BySite is the source of what came with a key that stands in public pages, and ByKey how people write the source of
// what came with the write key or from our own scripts, which has no name of its own.
const (
	BySite = "browser"
	ByKey  = "api"
)

// KeySource is the source of what came with a key that was made for a program: the key's name. A key that is called like a source
// of ours is not told from the write key: nothing that came with a secret is taken for what anybody could have said.
func KeySource(name string) string {
	if name == ByKey || IsUnproved(name) || strings.HasPrefix(name, formPrefix) {
		return ""
	}
	return name
}

// formPrefix begins the source of what was typed into a form, and notConfirmed ends it of an address that anybody could have
// typed.
const (
	formPrefix   = "form:"
	notConfirmed = ", not confirmed"
)

// FormSource is the source of what a form says.
func FormSource(form string) string { return formPrefix + form }

// Unproved returns the source of an address that proves nothing, whoever passed it on.
func Unproved(source string) string {
	if strings.HasPrefix(source, formPrefix) {
		return source + notConfirmed
	}
	return BySite
}

// IsUnproved reports whether a source is such that anybody could have said what it says.
func IsUnproved(source string) bool {
	return source == BySite || strings.HasSuffix(source, notConfirmed)
}

// Teller returns which source says what an event says of its customer; empty: the write key, or our own scripts.
func (e *Event) Teller() string {
	if e.Source == "" && e.Public {
		return BySite
	}
	return e.Source
}

// Says returns where a trait comes from that the event says.
func (e *Event) Says(trait string) Origin {
	return Origin{Trait: trait, Source: e.Teller(), Keyed: e.Keyed, At: e.Timestamp}
}

// Origin returns where a trait's value came from; false where that is not known.
func (c *Customer) Origin(trait string) (Origin, bool) {
	at, known := c.originAt(trait)
	if !known {
		return Origin{}, false
	}
	return c.Origins[at], true
}

// SetOrigin notes where a trait's value came from.
func (c *Customer) SetOrigin(origin Origin) {
	at, known := c.originAt(origin.Trait)
	if known && c.Origins[at] == origin {
		return
	}
	c.ownOrigins()
	if known {
		c.Origins[at] = origin
	} else {
		c.Origins = slices.Insert(c.Origins, at, origin)
	}
}

// DropOrigin forgets where a trait came from that is not there any more.
func (c *Customer) DropOrigin(trait string) {
	if at, known := c.originAt(trait); known {
		c.ownOrigins()
		c.Origins = slices.Delete(c.Origins, at, at+1)
	}
}

func (c *Customer) ownOrigins() {
	if c.lent {
		c.Origins, c.lent = slices.Clone(c.Origins), false
	}
}

func (c *Customer) originAt(trait string) (at int, known bool) {
	return slices.BinarySearchFunc(c.Origins, trait, func(o Origin, trait string) int { return strings.Compare(o.Trait, trait) })
}
