package script

import (
	"bytes"
	"strings"
)

// ownEvents are the events that the program makes happen by itself where a script names them. Append only within a version:
// the place in the list is a bit.
var ownEvents = [...]string{"Stage Entered", "Stage Left", "Move Refused", "Segment Entered", "Segment Left", "Score Reached", "Score Fell Below",
	"Form Submitted", "Referral Converted"}

// Mentions reports whether a Lua file of the program names an event of our own, in whichever word: on, wait_for, count …
// What is no event of ours is never mentioned.
func (p *Program) Mentions(event string) bool {
	for i, own := range ownEvents {
		if own == event {
			return p.mentions&(1<<i) != 0
		}
	}
	return false
}

// findMentions looks through the files once.
func (p *Program) findMentions() {
	for path, text := range p.src.Files {
		if !strings.HasSuffix(path, ".lua") || isTest(path) {
			continue
		}
		for i, own := range ownEvents {
			if bytes.Contains(text, []byte(own)) {
				p.mentions |= 1 << i
			}
		}
	}
}
