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
	for line != "" {
		start := strings.Index(line, "http")
		for start >= 0 && !strings.HasPrefix(line[start:], "http://") && !strings.HasPrefix(line[start:], "https://") {
			next := strings.Index(line[start+1:], "http")
			if next < 0 {
				start = -1
				break
			}
			start += 1 + next
		}
		if start < 0 {
			out.WriteString(html.EscapeString(line))
			return
		}
		end := strings.IndexFunc(line[start:], func(c rune) bool {
			return unicode.IsSpace(c) || strings.ContainsRune("<>\"'()[]{}", c)
		})
		if end < 0 {
			end = len(line)
		} else {
			end += start
		}
		address := strings.TrimRight(line[start:end], ".,;:!?…")
		out.WriteString(html.EscapeString(line[:start]))
		if strings.HasSuffix(address, "//") {
			out.WriteString(html.EscapeString(address))
		} else {
			escaped := html.EscapeString(address)
			out.WriteString(`<a href="` + escaped + `">` + escaped + "</a>")
		}
		line = line[start+len(address):]
	}
}
