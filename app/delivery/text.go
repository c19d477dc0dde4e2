package delivery

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/html"
)

const (
	maxSubjectBytes   = 400 // longer ones are cut; no client shows more
	maxPreheaderBytes = 600
	maxTextDepth      = 64 // nested lists and hidden elements beyond this are read flat
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
		if strings.IndexFunc(line, isStray) >= 0 {
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

// textWriter builds plain text from HTML pieces: white space is folded as a browser does, and breaks are kept back
// until more text comes.
type textWriter struct {
	out    strings.Builder
	breaks int  // line breaks due before the next text
	space  bool // a space is due before the next text
	indent string
	marker string // a list's dash or number, due before the next text
}

// text writes a run of text, folded.
func (w *textWriter) text(text string) {
	for _, c := range text {
		if unicode.IsSpace(c) && c != '\u00A0' {
			w.space = true
			continue
		}
		if unicode.IsControl(c) || c == '\u00AD' || c == '\u200B' || c == '\u200C' || c == '\uFEFF' {
			continue // soft hyphens and the fillers that mails put behind a preheader
		}
		w.begin()
		if c == '\u00A0' {
			c = ' '
		}
		w.out.WriteRune(c)
	}
}

// begin writes what is due before a piece of text.
func (w *textWriter) begin() {
	started := w.out.Len() > 0
	if w.breaks > 0 || !started {
		if started {
			w.out.WriteString(strings.Repeat("\n", w.breaks))
		}
		w.out.WriteString(w.indent)
		w.out.WriteString(w.marker)
		w.marker = ""
	} else if w.space {
		w.out.WriteByte(' ')
	}
	w.breaks, w.space = 0, false
}

// lines asks for line breaks before what follows; those of neighbouring blocks do not add up.
func (w *textWriter) lines(n int) {
	if n > 0 {
		w.breaks, w.space = max(w.breaks, n), false
	}
}

// verbatim writes one line as it stands.
func (w *textWriter) verbatim(line string) {
	if strings.TrimSpace(line) != "" {
		w.begin()
		w.out.WriteString(line)
	}
}

// lineBreak is a <br>: unlike blocks, two of them add up.
func (w *textWriter) lineBreak() {
	w.breaks = min(w.breaks+1, 2)
	w.space = false
}

// textList is a list that is being read.
type textList struct {
	ordered bool
	number  int
}

// htmlToText writes HTML as plain text: links as "text (address)", list entries with a dash or number, blocks and <br>
// as line breaks, images by their alternative text, entities decoded. What is hidden or is no text is left out. It
// reads any input and never fails.
func htmlToText(source string) string {
	var w textWriter
	w.out.Grow(len(source))
	var lists []textList
	var address string // of the link that is open
	var linkStart int
	hidden, hiddenTag, hiddenDepth := false, "", 0
	pre := 0
	closeLink := func() {
		if address == "" {
			return
		}
		shown := strings.TrimSpace(w.out.String()[min(linkStart, w.out.Len()):])
		bare := strings.TrimPrefix(strings.TrimPrefix(address, "mailto:"), "tel:")
		if shown == "" {
			w.text(bare)
		} else if shown != bare && strings.TrimSuffix(shown, "/") != strings.TrimSuffix(bare, "/") {
			w.space = true
			w.text("(" + bare + ")")
		}
		address = ""
	}
	tokens := html.NewTokenizer(strings.NewReader(source))
	for {
		kind := tokens.Next()
		if kind == html.ErrorToken {
			break
		}
		switch kind {
		case html.TextToken:
			if hidden {
				continue
			}
			text := string(tokens.Text()) // entities are decoded
			if pre == 0 {
				w.text(text)
				continue
			}
			for i, line := range strings.Split(text, "\n") {
				if i > 0 {
					w.lineBreak()
				}
				w.verbatim(line)
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			token := tokens.Token()
			if hidden {
				if token.Data == hiddenTag && kind == html.StartTagToken {
					hiddenDepth++
				}
				continue
			}
			if kind == html.StartTagToken && isHidden(&token) {
				hidden, hiddenTag, hiddenDepth = true, token.Data, 1
				continue
			}
			switch token.Data {
			case "br":
				w.lineBreak()
			case "hr":
				w.lines(2)
				w.text("----")
				w.lines(2)
			case "img":
				if alt := attribute(&token, "alt"); alt != "" {
					w.text(alt)
				}
			case "a":
				closeLink()
				address = strings.TrimSpace(attribute(&token, "href"))
				if strings.HasPrefix(address, "#") {
					address = ""
				}
				linkStart = w.out.Len()
			case "ul", "ol":
				if len(lists) == 0 {
					w.lines(2)
				} else {
					w.lines(1)
				}
				if len(lists) < maxTextDepth {
					lists = append(lists, textList{ordered: token.Data == "ol"})
				}
			case "li":
				w.lines(1)
				if len(lists) == 0 {
					w.marker = "- "
					continue
				}
				current := &lists[len(lists)-1]
				current.number++
				w.indent, w.marker = strings.Repeat("  ", len(lists)-1), "- "
				if current.ordered {
					w.marker = strconv.Itoa(current.number) + ". "
				}
			case "pre":
				pre++
				w.lines(2)
			case "td", "th":
				w.space = true
			default:
				w.lines(blockLines(token.Data))
			}
		case html.EndTagToken:
			name, _ := tokens.TagName()
			tag := string(name)
			if hidden {
				if tag == hiddenTag {
					if hiddenDepth--; hiddenDepth == 0 {
						hidden = false
					}
				}
				continue
			}
			switch tag {
			case "a":
				closeLink()
			case "ul", "ol":
				if len(lists) > 0 {
					lists = lists[:len(lists)-1]
				}
				w.indent, w.marker = strings.Repeat("  ", max(len(lists)-1, 0)), ""
				if len(lists) == 0 {
					w.lines(2)
				} else {
					w.lines(1)
				}
			case "li":
				w.lines(1)
			case "pre":
				pre = max(pre-1, 0)
				w.lines(2)
			case "td", "th":
				w.space = true
			default:
				w.lines(blockLines(tag))
			}
		}
	}
	closeLink()
	return tidyText(w.out.String())
}

// blockLines is how many line breaks stand before and behind an element.
func blockLines(tag string) int {
	switch tag {
	case "p", "h1", "h2", "h3", "h4", "h5", "h6", "table", "blockquote", "dl", "figure":
		return 2
	case "div", "tr", "section", "article", "header", "footer", "main", "nav", "aside", "dt", "dd", "center", "form", "figcaption", "address", "caption", "thead", "tbody", "tfoot":
		return 1
	}
	return 0
}

// isHidden reports whether a browser would not show the element's text.
func isHidden(token *html.Token) bool {
	switch token.Data {
	case "script", "style", "head", "title", "template", "noscript", "svg", "iframe", "object":
		return true
	case "br", "hr", "img", "input", "meta", "link", "area", "base", "col", "embed", "source", "wbr":
		return false // these have no end tag
	}
	for _, attribute := range token.Attr {
		switch attribute.Key {
		case "hidden":
			return true
		case "style":
			style := strings.ToLower(strings.ReplaceAll(attribute.Val, " ", ""))
			if strings.Contains(style, "display:none") {
				return true
			}
		}
	}
	return false
}

func attribute(token *html.Token, name string) string {
	for _, attribute := range token.Attr {
		if attribute.Key == name {
			return attribute.Val
		}
	}
	return ""
}
