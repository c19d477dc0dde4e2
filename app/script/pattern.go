package script

import (
	"errors"
	"fmt"
)

// A Lua pattern (Lua 5.1 manual, 5.4.1) is compiled into a list of items and matched by backtracking over that list.
// Every comparison costs a step, so that a pattern with stacked quantifiers ends with the run's budget; recursion is
// never deeper than the list is long.

const maxCaptures = 32

var errPatternBudget = errors.New("pattern matching took too many steps")

type itemKind uint8

const (
	itemChar     itemKind = iota // one byte of a set, with a quantifier
	itemOpen                     // (
	itemClose                    // )
	itemPosition                 // ()
	itemBalance                  // %bxy
	itemFrontier                 // %f[set]
	itemBack                     // %1
	itemEnd                      // $ at the end
)

type byteSet [4]uint64

func (s *byteSet) add(c byte)      { s[c>>6] |= 1 << (c & 63) }
func (s *byteSet) has(c byte) bool { return s[c>>6]&(1<<(c&63)) != 0 }
func (s *byteSet) invert() {
	for i := range s {
		s[i] = ^s[i]
	}
}

type patternItem struct {
	kind  itemKind
	quant byte // 0, '*', '+', '-' or '?'
	index int  // of a capture
	x, y  byte // of %b
	set   byteSet
}

type pattern struct {
	anchored bool
	items    []patternItem
	captures int
}

// compilePattern reads a pattern. With anchors false, a ^ at the start is an ordinary character, as in gmatch.
func compilePattern(text string, anchors bool) (*pattern, error) {
	if len(text) > maxPatternBytes {
		return nil, fmt.Errorf("a pattern may have %d bytes, this one has %d", maxPatternBytes, len(text))
	}
	p := &pattern{}
	i := 0
	if anchors && text != "" && text[0] == '^' {
		p.anchored = true
		i = 1
	}
	var open []int
	closedAt := map[int]bool{}
	for i < len(text) {
		switch c := text[i]; {
		case c == '(':
			if p.captures >= maxCaptures {
				return nil, errors.New("too many captures in the pattern")
			}
			p.captures++
			index := p.captures - 1
			if i+1 < len(text) && text[i+1] == ')' {
				p.items = append(p.items, patternItem{kind: itemPosition, index: index})
				closedAt[index] = true
				i += 2
				continue
			}
			open = append(open, index)
			p.items = append(p.items, patternItem{kind: itemOpen, index: index})
			i++
		case c == ')':
			if len(open) == 0 {
				return nil, errors.New("the pattern closes a capture that it did not open")
			}
			index := open[len(open)-1]
			open = open[:len(open)-1]
			closedAt[index] = true
			p.items = append(p.items, patternItem{kind: itemClose, index: index})
			i++
		case c == '$' && i+1 == len(text):
			p.items = append(p.items, patternItem{kind: itemEnd})
			i++
		case c == '%' && i+1 < len(text) && text[i+1] == 'b':
			if i+3 >= len(text) {
				return nil, errors.New("%b in a pattern needs two characters")
			}
			p.items = append(p.items, patternItem{kind: itemBalance, x: text[i+2], y: text[i+3]})
			i += 4
		case c == '%' && i+1 < len(text) && text[i+1] == 'f':
			if i+2 >= len(text) || text[i+2] != '[' {
				return nil, errors.New("%f in a pattern needs a [set]")
			}
			set, next, err := parseSet(text, i+2)
			if err != nil {
				return nil, err
			}
			p.items = append(p.items, patternItem{kind: itemFrontier, set: set})
			i = next
		case c == '%' && i+1 < len(text) && text[i+1] >= '0' && text[i+1] <= '9':
			index := int(text[i+1]-'0') - 1
			if index < 0 || !closedAt[index] {
				return nil, errors.New("the pattern refers to a capture that is not complete")
			}
			p.items = append(p.items, patternItem{kind: itemBack, index: index})
			i += 2
		default:
			set, next, err := parseSingle(text, i)
			if err != nil {
				return nil, err
			}
			item := patternItem{kind: itemChar, set: set}
			if next < len(text) {
				switch q := text[next]; q {
				case '*', '+', '-', '?':
					item.quant = q
					next++
				}
			}
			p.items = append(p.items, item)
			i = next
		}
	}
	if len(open) > 0 {
		return nil, errors.New("the pattern does not close a capture")
	}
	return p, nil
}

func parseSingle(text string, i int) (set byteSet, next int, err error) {
	switch text[i] {
	case '.':
		set.invert()
		return set, i + 1, nil
	case '%':
		if i+1 >= len(text) {
			return set, 0, errors.New("the pattern ends with %")
		}
		addClass(&set, text[i+1])
		return set, i + 2, nil
	case '[':
		return parseSet(text, i)
	}
	set.add(text[i])
	return set, i + 1, nil
}

// parseSet reads the [set] that begins at i.
func parseSet(text string, i int) (set byteSet, next int, err error) {
	missing := errors.New("the pattern has [ without ]")
	i++
	negated := i < len(text) && text[i] == '^'
	if negated {
		i++
	}
	for first := true; ; first = false {
		if i >= len(text) {
			return set, 0, missing
		}
		c := text[i]
		switch {
		case c == ']' && !first:
			if negated {
				set.invert()
			}
			return set, i + 1, nil
		case c == '%':
			if i+1 >= len(text) {
				return set, 0, missing
			}
			addClass(&set, text[i+1])
			i += 2
		case i+2 < len(text) && text[i+1] == '-' && text[i+2] != ']':
			for b := int(c); b <= int(text[i+2]); b++ {
				set.add(byte(b))
			}
			i += 3
		default:
			set.add(c)
			i++
		}
	}
}

// addClass adds what %c stands for: a class if c is one of its letters, c itself otherwise. Letters are ASCII whatever
// the machine's locale says.
func addClass(set *byteSet, c byte) {
	var test func(b byte) bool
	switch c | 0x20 {
	case 'a':
		test = isAlpha
	case 'd':
		test = isDigit
	case 'l':
		test = func(b byte) bool { return b >= 'a' && b <= 'z' }
	case 's':
		test = func(b byte) bool { return b == ' ' || b >= '\t' && b <= '\r' }
	case 'u':
		test = func(b byte) bool { return b >= 'A' && b <= 'Z' }
	case 'w':
		test = func(b byte) bool { return isAlpha(b) || isDigit(b) }
	case 'x':
		test = func(b byte) bool { return isDigit(b) || b|0x20 >= 'a' && b|0x20 <= 'f' }
	case 'p':
		test = func(b byte) bool { return b > ' ' && b < 0x7f && !isAlpha(b) && !isDigit(b) }
	case 'c':
		test = func(b byte) bool { return b < ' ' || b == 0x7f }
	case 'z':
		test = func(b byte) bool { return b == 0 }
	}
	if test == nil || !isAlpha(c) {
		set.add(c)
		return
	}
	upper := c < 'a'
	for b := 0; b < 256; b++ {
		if test(byte(b)) != upper {
			set.add(byte(b))
		}
	}
}

func isAlpha(b byte) bool { return b|0x20 >= 'a' && b|0x20 <= 'z' }
func isDigit(b byte) bool { return b >= '0' && b <= '9' }

// A matcher is one attempt to find a pattern in a subject. steps is what may still be spent; it goes negative when all
// is spent, and then nothing matches any more.
type matcher struct {
	pattern *pattern
	subject string
	steps   int
	spans   [maxCaptures]span
}

// span is a capture; end is positionCapture for ().
type span struct{ start, end int }

const positionCapture = -2

// find looks for the first match at or after init (0-based) and returns its bounds.
func (m *matcher) find(init int) (start, end int, ok bool, err error) {
	for at := init; at <= len(m.subject); at++ {
		end := m.match(0, at)
		if m.steps < 0 {
			return 0, 0, false, errPatternBudget
		}
		if end >= 0 {
			return at, end, true, nil
		}
		if m.pattern.anchored {
			break
		}
	}
	return 0, 0, false, nil
}

// match matches the items from index i at a position and returns where the match ends, or -1.
func (m *matcher) match(i, at int) int {
	for ; i < len(m.pattern.items); i++ {
		if m.steps--; m.steps < 0 {
			return -1
		}
		item := &m.pattern.items[i]
		switch item.kind {
		case itemChar:
			if item.quant != 0 {
				return m.repeat(item, i, at)
			}
			if at >= len(m.subject) || !item.set.has(m.subject[at]) {
				return -1
			}
			at++
		case itemOpen, itemPosition:
			old := m.spans[item.index]
			m.spans[item.index] = span{at, positionCapture}
			end := m.match(i+1, at)
			if end < 0 {
				m.spans[item.index] = old
			}
			return end
		case itemClose:
			old := m.spans[item.index].end
			m.spans[item.index].end = at
			end := m.match(i+1, at)
			if end < 0 {
				m.spans[item.index].end = old
			}
			return end
		case itemBalance:
			if at = m.balance(item.x, item.y, at); at < 0 {
				return -1
			}
		case itemFrontier:
			var before, here byte
			if at > 0 {
				before = m.subject[at-1]
			}
			if at < len(m.subject) {
				here = m.subject[at]
			}
			if item.set.has(before) || !item.set.has(here) {
				return -1
			}
		case itemBack:
			text := m.capture(item.index)
			m.steps -= len(text)
			if len(m.subject)-at < len(text) || m.subject[at:at+len(text)] != text {
				return -1
			}
			at += len(text)
		case itemEnd:
			if at != len(m.subject) {
				return -1
			}
		}
	}
	return at
}

func (m *matcher) repeat(item *patternItem, i, at int) int {
	one := func(p int) bool { return p < len(m.subject) && item.set.has(m.subject[p]) }
	switch item.quant {
	case '?':
		if one(at) {
			if end := m.match(i+1, at+1); end >= 0 {
				return end
			}
		}
		return m.match(i+1, at)
	case '-':
		for {
			if end := m.match(i+1, at); end >= 0 || m.steps < 0 || !one(at) {
				return end
			}
			at++
			m.steps--
		}
	}
	count := 0
	for one(at + count) {
		count++
	}
	m.steps -= count
	least := 0
	if item.quant == '+' {
		least = 1
	}
	for ; count >= least && m.steps >= 0; count-- {
		if end := m.match(i+1, at+count); end >= 0 {
			return end
		}
	}
	return -1
}

func (m *matcher) balance(open, shut byte, at int) int {
	if at >= len(m.subject) || m.subject[at] != open {
		return -1
	}
	depth := 1
	for p := at + 1; p < len(m.subject); p++ {
		if m.steps--; m.steps < 0 {
			return -1
		}
		switch m.subject[p] {
		case shut:
			if depth--; depth == 0 {
				return p + 1
			}
		case open:
			depth++
		}
	}
	return -1
}

// capture returns the text of a capture; of a position capture it is empty.
func (m *matcher) capture(i int) string {
	s := m.spans[i]
	if s.end == positionCapture {
		return ""
	}
	return m.subject[s.start:s.end]
}
