package letter

import (
	"strings"
	"unicode/utf8"
)

// blockKind is what a block of a text is.
type blockKind int

const (
	paragraph blockKind = iota
	heading
	item // of a list
	rule // a line across
)

// block is a part of a text that begins on a line of its own.
type block struct {
	kind  blockKind
	level int    // of a heading: 1 to 3; of an item: how deep its list lies in others, from 0
	mark  string // of an item: "•" or "3."
	spans []span
}

// span is a piece of text in one style. A line end in it is one that the writer wants.
type span struct {
	text  string
	style style
}

// parse reads the simple part of Markdown (CommonMark's form of it): headings with #, lists with -, * or 1., **bold**,
// *italic*, a rule of ---, a backslash before a sign that is to stay. Lines that follow each other are one paragraph; a
// backslash at the end of a line keeps the line end. [text](address) becomes text (address).
func parse(text string) []block {
	var blocks []block
	var open []string // lines of the block that goes on
	var current block
	flush := func() {
		if len(open) > 0 {
			current.spans = inline(strings.Join(open, ""))
			blocks = append(blocks, current)
		}
		open, current = nil, block{}
	}
	for raw := range strings.SplitSeq(clean(text), "\n") {
		line := strings.TrimSpace(raw)
		if line == "" {
			flush()
			continue
		}
		if level, rest := headingOf(line); level > 0 {
			flush()
			blocks = append(blocks, block{kind: heading, level: level, spans: inline(rest)})
			continue
		}
		if isRule(line) {
			flush()
			blocks = append(blocks, block{kind: rule})
			continue
		}
		if mark, rest := itemOf(line); mark != "" {
			flush()
			indent := len(raw) - len(strings.TrimLeft(raw, " "))
			current = block{kind: item, level: min(indent/2, 3), mark: mark}
			line = rest
		}
		if slashes := len(line) - len(strings.TrimRight(line, `\`)); slashes%2 == 1 { // two are one that is printed
			open = append(open, line[:len(line)-1], "\n")
		} else {
			open = append(open, line, " ")
		}
	}
	flush()
	return blocks
}

func headingOf(line string) (level int, rest string) {
	for level < len(line) && line[level] == '#' {
		level++
	}
	if level == 0 || level > 6 || level < len(line) && line[level] != ' ' {
		return 0, ""
	}
	rest = strings.TrimSpace(line[level:])
	if cut := strings.TrimRight(rest, "#"); cut == "" || strings.HasSuffix(cut, " ") { // else it belongs to a word: C#
		rest = strings.TrimSpace(cut)
	}
	return min(level, 3), rest
}

func isRule(line string) bool {
	line = strings.ReplaceAll(line, " ", "")
	return len(line) >= 3 && (strings.Trim(line, "-") == "" || strings.Trim(line, "*") == "" || strings.Trim(line, "_") == "")
}

// itemOf returns the mark of a list's item and what follows.
func itemOf(line string) (mark, rest string) {
	if after, ok := strings.CutPrefix(line, "- "); ok {
		return "•", strings.TrimSpace(after)
	}
	if after, ok := strings.CutPrefix(line, "* "); ok {
		return "•", strings.TrimSpace(after)
	}
	if after, ok := strings.CutPrefix(line, "+ "); ok {
		return "•", strings.TrimSpace(after)
	}
	digits := len(line) - len(strings.TrimLeft(line, "0123456789"))
	if digits == 0 || digits > 9 || digits+1 >= len(line) || line[digits] != '.' && line[digits] != ')' || line[digits+1] != ' ' {
		return "", ""
	}
	return line[:digits+1], strings.TrimSpace(line[digits+1:])
}

// inline reads the marks within a block. A mark without its counterpart stays as it is.
func inline(text string) []span {
	var spans []span
	var plain strings.Builder
	cut := regular
	flush := func() {
		if plain.Len() > 0 {
			spans = append(spans, span{plain.String(), cut})
			plain.Reset()
		}
	}
	text = strings.TrimSpace(text)
	ends := lastEnds(text)
	var inside string // the mark that is to be closed
	for at := 0; at < len(text); {
		rest := text[at:]
		if isEscape(rest) {
			plain.WriteByte(rest[1])
			at += 2
			continue
		}
		mark := markOf(rest)
		if mark != "" && (inside == mark && closes(text, at, mark) || inside == "" && ends[mark] > at+len(mark) && opens(text, at, mark)) {
			flush()
			if inside == mark {
				inside, cut = "", regular
			} else if inside = mark; len(mark) == 2 {
				cut = bold
			} else {
				cut = italic
			}
			at += len(mark)
			continue
		}
		if words, address, length := linkOf(rest); length > 0 {
			plain.WriteString(words)
			if address != words && address != "mailto:"+words {
				plain.WriteString(" (" + address + ")")
			}
			at += length
			continue
		}
		size := len(mark)
		if mark == "" {
			_, size = utf8.DecodeRuneInString(rest)
		}
		plain.WriteString(rest[:size])
		at += size
	}
	flush()
	return spans
}

// lastEnds returns where the last mark of each kind stands that can be a counterpart, so that looking for one is quick.
func lastEnds(text string) map[string]int {
	ends := map[string]int{}
	for at := 0; at < len(text); {
		mark := markOf(text[at:])
		switch {
		case isEscape(text[at:]):
			at += 2
		case mark == "":
			at++
		default:
			if closes(text, at, mark) {
				ends[mark] = at
			}
			at += len(mark)
		}
	}
	return ends
}

// isEscape reports whether a text begins with a backslash before a sign that is to stay.
func isEscape(rest string) bool {
	return len(rest) > 1 && rest[0] == '\\' && strings.IndexByte("\\`*_{}[]()#+-.!>", rest[1]) >= 0
}

func markOf(rest string) string {
	switch {
	case strings.HasPrefix(rest, "**"), strings.HasPrefix(rest, "__"):
		return rest[:2]
	case rest[0] == '*', rest[0] == '_':
		return rest[:1]
	}
	return ""
}

// opens and closes: a mark opens before a word and closes behind one; an underscore in the middle of a word is one.
func opens(text string, at int, mark string) bool {
	after := at + len(mark)
	return after < len(text) && text[after] != ' ' && text[after] != '\n' && (mark[0] != '_' || at == 0 || !wordByte(text[at-1]))
}

func closes(text string, at int, mark string) bool {
	after := at + len(mark)
	return at > 0 && text[at-1] != ' ' && text[at-1] != '\n' && (mark[0] != '_' || after == len(text) || !wordByte(text[after]))
}

func wordByte(c byte) bool {
	return c >= 0x80 || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}

// maxLink is how long a link may be, in bytes; what is longer stands as it was written.
const maxLink = 2000

// linkOf reads [words](address) at the beginning of a text. A backslash before a sign keeps it from ending either.
func linkOf(rest string) (words, address string, length int) {
	if rest[0] != '[' {
		return "", "", 0
	}
	rest = rest[:min(len(rest), maxLink)]
	var part strings.Builder
	for at := 1; at < len(rest); at++ {
		switch c := rest[at]; {
		case isEscape(rest[at:]):
			at++
			part.WriteByte(rest[at])
		case length == 0 && strings.HasPrefix(rest[at:], "]("):
			at++
			length, words = at, part.String()
			part.Reset()
		case length > 0 && c == ')':
			if part.Len() == 0 {
				return "", "", 0
			}
			return words, part.String(), at + 1
		case c == '\n', length == 0 && c == '[', length > 0 && c == ' ':
			return "", "", 0
		default:
			part.WriteByte(c)
		}
	}
	return "", "", 0
}
