package delivery

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// maxTextDepth is how deep lists are nested; beyond this they are read flat.
const maxTextDepth = 64

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
	for size := 0; text != ""; text = text[size:] {
		for size = 0; size < len(text) && text[size] > ' ' && text[size] < 0x7f; size++ {
		}
		if size > 0 { // a word, or what of it is plain
			w.begin()
			w.out.WriteString(text[:size])
			continue
		}
		var c rune
		c, size = utf8.DecodeRuneInString(text)
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
func htmlToText(source string) string { return textOfHTML(source, nil) }

// showsAddress reports whether what is shown of a link is where it leads.
func showsAddress(shown, bare string) bool {
	return shown == bare || strings.TrimSuffix(shown, "/") == strings.TrimSuffix(bare, "/")
}

// textOfHTML is htmlToText, and tells of each link what is shown of it, and where it leads.
func textOfHTML(source string, tell func(shown, bare string, same bool)) string {
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
		same := shown != "" && showsAddress(shown, bare)
		if tell != nil {
			tell(shown, bare, same)
		}
		if shown == "" {
			w.text(bare)
		} else if !same {
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
			tag := readTextTag(tokens)
			if hidden {
				if tag.name == hiddenTag && kind == html.StartTagToken {
					hiddenDepth++
				}
				continue
			}
			if kind == html.StartTagToken && tag.hidden {
				hidden, hiddenTag, hiddenDepth = true, tag.name, 1
				continue
			}
			switch tag.name {
			case "br":
				w.lineBreak()
			case "hr":
				w.lines(2)
				w.text("----")
				w.lines(2)
			case "img":
				w.text(tag.alt)
			case "a":
				closeLink()
				address = strings.TrimSpace(tag.href)
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
					lists = append(lists, textList{ordered: tag.name == "ol"})
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
				w.lines(blockLines(tag.name))
			}
		case html.EndTagToken:
			name, _ := tokens.TagName()
			tag := tagWord(name)
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

// textTag is what the text needs of a tag.
type textTag struct {
	name      string
	hidden    bool // a browser would not show the element's text
	alt, href string
}

// readTextTag reads the tag at which the tokenizer stands. The first of several attributes of one name counts.
func readTextTag(tokens *html.Tokenizer) (tag textTag) {
	name, more := tokens.TagName()
	tag.name = tagWord(name)
	hideable := true
	switch tag.name {
	case "script", "style", "head", "title", "template", "noscript", "svg", "iframe", "object":
		tag.hidden = true
	case "br", "hr", "img", "input", "meta", "link", "area", "base", "col", "embed", "source", "wbr":
		hideable = false // these have no end tag
	}
	alt, href := tag.name == "img", tag.name == "a"
	for more {
		var key, value []byte
		key, value, more = tokens.TagAttr()
		switch {
		case alt && string(key) == "alt":
			tag.alt, alt = string(value), false
		case href && string(key) == "href":
			tag.href, href = string(value), false
		case hideable && (string(key) == "hidden" || string(key) == "style" && hides(value)):
			tag.hidden = true
		}
	}
	return tag
}

// tagWord is the name of an element; those of HTML are there already.
func tagWord(name []byte) string {
	if known := atom.Lookup(name); known != 0 {
		return known.String()
	}
	return string(name)
}

// hides reports whether a style says display:none, in whatever case and with spaces anywhere.
func hides(style []byte) bool {
	const want = "display:none"
	for from := range style {
		matched := 0
		for _, c := range style[from:] {
			if c >= 'A' && c <= 'Z' {
				c += 'a' - 'A'
			}
			if c == ' ' && matched > 0 {
				continue
			}
			if c != want[matched] {
				break
			}
			if matched++; matched == len(want) {
				return true
			}
		}
	}
	return false
}
