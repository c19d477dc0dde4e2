package delivery

import (
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/html"
)

// Mails of one template differ in a few words, and making their text part of their HTML anew is a sixth of what a mail
// costs. So a template keeps the text of what stays the same, with holes for the words: it is made once for each way that
// its conditions and loops take, and gives for all words that are plain what htmlToText gives. Anything else is left to
// htmlToText.

// maxPatterns is how many ways through a template are kept.
const maxPatterns = 16

// hole is where an output stands in HTML that was rendered.
type hole struct{ from, to int }

// textPatterns are the ways through a template that were taken so far. The zero value has none.
type textPatterns struct {
	mu  sync.RWMutex
	all []*textPattern
}

// textPattern is one way: the HTML between its holes, and the text of it.
type textPattern struct {
	html  []string // one more than there are holes
	text  *filling // nil: the holes stand where words may change the text around them
	links []patternLink
}

// patternLink is a link with holes, of which may be shown what it leads to: then its address is not written behind it.
type patternLink struct {
	shown, bare filling
	same        bool // in the pattern
}

// filling is a text with words to be put in.
type filling struct {
	pieces []string // one more than there are holes
	holes  []int    // which words stand between them
}

func (f *filling) fill(source string, holes []hole) string {
	var out strings.Builder
	size := 0
	for _, piece := range f.pieces {
		size += len(piece)
	}
	for _, n := range f.holes {
		size += holes[n].to - holes[n].from
	}
	out.Grow(size)
	for i, piece := range f.pieces {
		if i > 0 {
			h := holes[f.holes[i-1]]
			out.WriteString(source[h.from:h.to])
		}
		out.WriteString(piece)
	}
	return out.String()
}

// text returns what htmlToText returns of the source. holes are in order; all outputs of the source stand in one, and each
// is plain.
func (p *textPatterns) text(source string, holes []hole) string {
	p.mu.RLock()
	pattern, full := p.find(source, holes), len(p.all) == maxPatterns
	p.mu.RUnlock()
	if pattern == nil && !full {
		pattern = newTextPattern(source, holes)
		p.mu.Lock()
		if known := p.find(source, holes); known != nil {
			pattern = known
		} else if len(p.all) < maxPatterns {
			p.all = append(p.all, pattern)
		}
		p.mu.Unlock()
	}
	if pattern == nil || pattern.text == nil {
		return htmlToText(source)
	}
	for i := range pattern.links {
		link := &pattern.links[i]
		if bare := &link.bare; bare.pieces[0] == "" && len(bare.holes) > 0 {
			if h := holes[bare.holes[0]]; !strings.HasPrefix(source[h.from:h.to], "http") {
				return htmlToText(source) // such as mailto:, which is not shown
			}
		}
		if showsAddress(link.shown.fill(source, holes), link.bare.fill(source, holes)) != link.same {
			return htmlToText(source)
		}
	}
	return pattern.text.fill(source, holes)
}

func (p *textPatterns) find(source string, holes []hole) *textPattern {
	for _, pattern := range p.all {
		if pattern.fits(source, holes) {
			return pattern
		}
	}
	return nil
}

func (p *textPattern) fits(source string, holes []hole) bool {
	if len(p.html) != len(holes)+1 {
		return false
	}
	from := 0
	for i, piece := range p.html {
		to := len(source)
		if i < len(holes) {
			to = holes[i].from
		}
		if source[from:to] != piece {
			return false
		}
		if i < len(holes) {
			from = holes[i].to
		}
	}
	return true
}

// newTextPattern makes the pattern of a way through a template by putting words that occur nowhere else into its holes.
func newTextPattern(source string, holes []hole) *textPattern {
	p := &textPattern{}
	word, all := "Qhole", html.UnescapeString(source)
	for strings.Contains(source, word) || strings.Contains(all, word) {
		word += "q"
	}
	var marked strings.Builder
	from := 0
	for i, h := range holes {
		p.html = append(p.html, strings.Clone(source[from:h.from]))
		marked.WriteString(source[from:h.from])
		marked.WriteString(word + strconv.Itoa(i) + "z")
		from = h.to
	}
	p.html = append(p.html, strings.Clone(source[from:]))
	marked.WriteString(source[from:])
	if !holdsInPlace(marked.String(), word) {
		return p
	}
	text := textOfHTML(marked.String(), func(shown, bare string, same bool) {
		if strings.Contains(bare, word) || strings.Contains(shown, word) {
			p.links = append(p.links, patternLink{cutAt(shown, word), cutAt(bare, word), same})
		}
	})
	filled := cutAt(text, word)
	p.text = &filled
	return p
}

// cutAt cuts a text where the words stand.
func cutAt(text, word string) (f filling) {
	for {
		before, rest, found := strings.Cut(text, word)
		f.pieces = append(f.pieces, before)
		if !found {
			return f
		}
		number, rest, _ := strings.Cut(rest, "z")
		n, _ := strconv.Atoi(number)
		f.holes, text = append(f.holes, n), rest
	}
}

// holdsInPlace reports whether the words stand where other plain words do nothing else: in text, or in a value within
// quotes, but not where it is said what is shown.
func holdsInPlace(source, word string) bool {
	if strings.IndexByte(source, 0) >= 0 || entityOpen(source, word) {
		return false
	}
	// No entity ends a tag or a value; without them a value is what stands in the tag.
	tokens := html.NewTokenizer(strings.NewReader(strings.NewReplacer("&", "~", "\r", " ").Replace(source)))
	for {
		kind := tokens.Next()
		raw := string(tokens.Raw())
		switch {
		case kind == html.ErrorToken:
			return !strings.Contains(raw, word)
		case !strings.Contains(raw, word), kind == html.TextToken, kind == html.CommentToken: // no plain word ends them
		case kind == html.EndTagToken, kind == html.DoctypeToken, !holdsInTag(tokens, raw, word):
			return false
		}
	}
}

func holdsInTag(tokens *html.Tokenizer, raw, word string) bool {
	name, more := tokens.TagName()
	if strings.Contains(string(name), strings.ToLower(word)) {
		return false
	}
	for more {
		var key, value []byte
		key, value, more = tokens.TagAttr()
		name, text := string(key), string(value)
		if strings.Contains(name, strings.ToLower(word)) {
			return false
		}
		if strings.Contains(text, word) && (name == "style" || name == "hidden" ||
			!strings.Contains(raw, `"`+text+`"`) && !strings.Contains(raw, "'"+text+"'")) {
			return false
		}
	}
	return true
}

// entityOpen reports whether a word stands behind a & that it could make an entity of.
func entityOpen(source, word string) bool {
	for at := 0; ; {
		next := strings.Index(source[at:], word)
		if next < 0 {
			return false
		}
		at += next
		before := strings.TrimRightFunc(source[:at], func(c rune) bool {
			return c == '#' || c < utf8.RuneSelf && (unicode.IsLetter(c) || unicode.IsDigit(c))
		})
		if strings.HasSuffix(before, "&") {
			return true
		}
		at += len(word)
	}
}

// isPlain reports whether a word is written in HTML and in text as it is, and has nothing to do with what stands around it:
// letters, digits, some signs, and single spaces between them. Most addresses on the web are.
func isPlain(word string) bool {
	if word == "" {
		return false
	}
	space := true // none may begin it
	for i := 0; i < len(word); {
		c := word[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == ',', c == '-', c == '_', c == '/', c == ':', c == '+', c == '%', c == '@', c == '$', c == '!', c == '?', c == '=', c == '~':
		case c == ' ' && !space:
			space = true
			i++
			continue
		case c >= utf8.RuneSelf:
			r, size := utf8.DecodeRuneInString(word[i:])
			if size == 1 || !unicode.IsLetter(r) {
				return false
			}
			i, space = i+size, false
			continue
		default:
			return false
		}
		i, space = i+1, false
	}
	return !space
}

// markSafe notes the outputs in HTML that is put in as it is. Only those of what a layout lies around are known.
func (r *templateRun) markSafe(safe templateSafe) {
	content, is := r.content.(templateSafe)
	if r.marking = r.marking && is && safe == content; !r.marking {
		return
	}
	for _, h := range r.inner {
		r.holes = append(r.holes, hole{len(r.out) + h.from, len(r.out) + h.to})
	}
}
