package delivery

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/html"
)

const (
	maxSubjectBytes   = 400 // longer ones are cut; no client shows more
	maxPreheaderBytes = 600
)

// oneLine makes text safe for a header: line breaks and runs of white space become one space, control characters and
// those that turn the direction of what follows are dropped, and it is cut at a number of bytes.
func oneLine(text string, limit int) string {
	var line strings.Builder
	space := false
	for _, c := range strings.ToValidUTF8(text, "\uFFFD") {
		switch {
		case unicode.IsSpace(c) || c == '\u2028' || c == '\u2029':
			space = true
			continue
		case unicode.IsControl(c) || c >= '\u202A' && c <= '\u202E' || c >= '\u2066' && c <= '\u2069' || c == '\uFEFF':
			continue
		}
		if space && line.Len() > 0 {
			line.WriteByte(' ')
		}
		space = false
		line.WriteRune(c)
	}
	if line.Len() <= limit {
		return line.String()
	}
	cut := limit
	for !utf8.RuneStart(line.String()[cut]) {
		cut--
	}
	return strings.TrimRight(line.String()[:cut], " ") + "…"
}

// tidyText normalizes plain text: \n line breaks, no control characters, no white space at line ends, at most one
// empty line in a row, one line break at the end.
func tidyText(text string) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	var tidy strings.Builder
	tidy.Grow(len(text) + 1)
	empty := 0
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimRightFunc(line, unicode.IsSpace)
		if hasStray(line) {
			line = strings.Map(func(c rune) rune {
				if isStray(c) {
					return -1
				}
				return c
			}, line)
		}
		if line == "" {
			empty++
			continue
		}
		if tidy.Len() > 0 && empty > 0 {
			tidy.WriteByte('\n')
		}
		empty = 0
		tidy.WriteString(line)
		tidy.WriteByte('\n')
	}
	return tidy.String()
}

func isStray(c rune) bool { return unicode.IsControl(c) && c != '\t' }

func hasStray(line string) bool {
	for i := 0; i < len(line); i++ {
		if c := line[i]; c < ' ' || c >= 0x7f { // most lines have none of these
			return strings.IndexFunc(line[i:], isStray) >= 0
		}
	}
	return false
}

// textToHTML makes paragraphs of plain text: an empty line ends one, other line breaks stay, web addresses become
// links, and everything else is escaped.
func textToHTML(text string) string {
	var out strings.Builder
	for paragraph := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		if strings.TrimSpace(paragraph) == "" {
			continue
		}
		out.WriteString("<p>")
		for i, line := range strings.Split(paragraph, "\n") {
			if i > 0 {
				out.WriteString("<br>\n")
			}
			linkedLine(&out, line)
		}
		out.WriteString("</p>\n")
	}
	return out.String()
}

// linkedLine escapes a line and makes links of the words that are web addresses.
func linkedLine(out *strings.Builder, line string) {
	for {
		start, end := webAddress(line)
		if start < 0 {
			out.WriteString(html.EscapeString(line))
			return
		}
		escaped := html.EscapeString(line[start:end])
		out.WriteString(html.EscapeString(line[:start]))
		out.WriteString(`<a href="` + escaped + `">` + escaped + "</a>")
		line = line[end:]
	}
}

// webAddress returns where the first web address of a plain text stands, without the signs that end the sentence around it;
// start is -1 where there is none.
func webAddress(text string) (start, end int) {
	for start = 0; ; start = end {
		next := strings.Index(text[start:], "http")
		if next < 0 {
			return -1, -1
		}
		start += next
		rest := text[start:]
		scheme := 0
		for _, name := range [...]string{"http://", "https://"} {
			if strings.HasPrefix(rest, name) {
				scheme = len(name)
			}
		}
		if scheme == 0 {
			end = start + 1
			continue
		}
		length := strings.IndexFunc(rest, func(c rune) bool {
			return unicode.IsSpace(c) || strings.ContainsRune("<>\"'()[]{}", c)
		})
		if length < 0 {
			length = len(rest)
		}
		length = len(strings.TrimRight(rest[:length], ".,;:!?…"))
		if length > scheme {
			return start, start + length
		}
		end = start + scheme
	}
}

// withAddresses returns a plain text with its web addresses changed.
func withAddresses(text string, change func(address string) string) string {
	var out strings.Builder
	rest := text
	for {
		start, end := webAddress(rest)
		if start < 0 {
			break
		}
		out.WriteString(rest[:start])
		out.WriteString(change(rest[start:end]))
		rest = rest[end:]
	}
	if out.Len() == 0 {
		return text
	}
	out.WriteString(rest)
	return out.String()
}
