package delivery

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// The body of a letter is Markdown, see docs/letters.md. What customers type is text in it: signs that mean something there get a
// backslash before them, and line ends become spaces, so that no value begins a heading, a list or a paragraph. Only signs that
// could mean something where they stand are escaped, since people read these texts in the ledger, too.

// lineHead is what a line of Markdown has begun with; it decides what the signs that come next can mean.
type lineHead uint8

const (
	emptyHead lineHead = iota // nothing, or what is not printed
	digitHead                 // digits only: perhaps a list's number
	dashHead                  // dashes only: perhaps a list's mark, or a rule
	otherHead                 // anything else
)

// next is the head with one more sign.
func (h lineHead) next(sign rune) lineHead {
	switch {
	case unicode.IsSpace(sign) || isUnseen(sign):
		return h
	case sign >= '0' && sign <= '9' && (h == emptyHead || h == digitHead):
		return digitHead
	case sign == '-' && (h == emptyHead || h == dashHead):
		return dashHead
	}
	return otherHead
}

// isUnseen reports whether a sign may be dropped, so that those around it come together.
func isUnseen(sign rune) bool {
	return unicode.IsControl(sign) && sign != '\t' && sign != '\r' && sign != '\n' || unicode.In(sign, unicode.Cf, unicode.Variation_Selector)
}

// maxLetterLink is how far before an output the beginning of a link is looked for, in bytes; a longer link is none.
const maxLetterLink = 2000

// letterLine is the line that an output stands on, as far as it has been written. It is followed, not looked through for each
// output: a line may have thousands.
type letterLine struct {
	read    int // of what is written, in bytes
	head    lineHead
	link    int  // where its last "](" ends, if it has one
	before  rune // its last sign that is seen
	slashed bool // which is a backslash that escapes what comes
}

// follow reads what was written since.
func (l *letterLine) follow(out []byte) {
	for l.read < len(out) {
		sign, size := utf8.DecodeRune(out[l.read:])
		l.read += size
		if sign == '\n' {
			*l = letterLine{read: l.read}
			continue
		}
		if l.head != otherHead {
			l.head = l.head.next(sign)
		}
		if isUnseen(sign) {
			continue
		}
		if sign == '(' && l.before == ']' {
			l.link = l.read
		}
		l.before, l.slashed = sign, sign == '\\' && !l.slashed
	}
}

// writeMarkdown appends a value to the body of a letter, as text.
func (r *templateRun) writeMarkdown(text string) error {
	r.last.follow(r.out)
	linked := r.last.link > 0 && r.last.link-len("](") >= len(r.out)-maxLetterLink
	return r.write(escapeMarkdown(text, r.last, linked))
}

// escapeMarkdown escapes a text that comes next on a line. linked says that an address of a link may be open.
func escapeMarkdown(text string, line letterLine, linked bool) string {
	var out strings.Builder
	out.Grow(len(text) + 8)
	head, slashed, closed := line.head, line.slashed, line.before == ']' // the author's words of a link may end before it
	before := rune(0)
	for at, sign := range text {
		if isLineEnd(sign) {
			if !isLineEnd(before) {
				out.WriteByte(' ')
			}
			before, slashed, closed = sign, false, false
			continue
		}
		special := false
		switch sign {
		case '\\', '*', '[', ']', '#':
			special = true
		case '_': // within a word it is a sign like others
			special = !isWordSign(before) || at+1 == len(text) || !isWordSign(rune(text[at+1]))
		case '-':
			special = head == emptyHead || head == dashHead
		case '(':
			special = closed
		case '+':
			special = head == emptyHead
		case '.':
			special = head == digitHead && endsMark(text[at+1:])
		case ')':
			special = linked || head == digitHead && endsMark(text[at+1:])
		}
		if special && !slashed {
			out.WriteByte('\\')
		}
		if special {
			head = otherHead
		} else {
			head = head.next(sign)
		}
		out.WriteRune(sign)
		if before = sign; !isUnseen(sign) {
			slashed, closed = false, false
		}
	}
	return out.String()
}

// endsMark reports whether a list's mark may end before a text: a space comes, perhaps behind what is not printed.
func endsMark(rest string) bool { return rest == "" || rest[0] <= ' ' || rest[0] >= 0x7F }

func isLineEnd(sign rune) bool {
	return sign == '\n' || sign == '\r' || sign == '\u2028' || sign == '\u2029'
}

func isWordSign(sign rune) bool {
	return sign >= '0' && sign <= '9' || sign >= 'A' && sign <= 'Z' || sign >= 'a' && sign <= 'z'
}

// letterLines escapes the lines of a text, each of which stays one, for wherever it will stand.
func letterLines(text string) string {
	lines := strings.Split(strings.ReplaceAll(strings.Trim(text, "\r\n"), "\r\n", "\n"), "\n")
	for i, line := range lines {
		lines[i] = escapeMarkdown(line, letterLine{before: ']'}, true)
	}
	return strings.Join(lines, "\\\n")
}
