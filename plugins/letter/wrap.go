package letter

import "strings"

// piece is what of a line has one style; x is where it begins, from the line's beginning in millimetres.
type piece struct {
	span
	x float64
}

// line is what stands on one line.
type line []piece

func (l line) text() string {
	var b strings.Builder
	for _, piece := range l {
		b.WriteString(piece.text)
	}
	return b.String()
}

// wrapper gathers a text into lines of a width. Lines break at spaces, and words are never divided unless one is wider
// than the line.
type wrapper struct {
	fonts       fonts
	size, limit float64
	lines       []line
	now         line
	reach       float64 // the width of the line so far
	space       *style  // the space before the next word, in the style in which it was written
	word        []piece // the word so far, which may change its style within
	wordWidth   float64
}

func (c *composer) wrap(spans []span, size, limit float64) []line {
	w := &wrapper{fonts: c.fonts, size: size, limit: limit}
	for _, s := range spans {
		rest := s.text
		for rest != "" {
			end := strings.IndexAny(rest, " \n")
			if end < 0 {
				w.add(s.style, rest)
				break
			}
			w.add(s.style, rest[:end])
			w.endWord()
			if rest[end] == '\n' {
				w.endLine()
			} else {
				cut := s.style
				w.space = &cut
			}
			rest = rest[end+1:]
		}
	}
	w.endWord()
	if len(w.now) > 0 {
		w.endLine()
	}
	return w.lines
}

// add makes the word longer.
func (w *wrapper) add(cut style, text string) {
	if text == "" {
		return
	}
	w.word = append(w.word, piece{span: span{text, cut}})
	w.wordWidth += w.fonts.width(text, cut, w.size)
}

// endWord puts the word onto the line, or onto the next one.
func (w *wrapper) endWord() {
	if len(w.word) == 0 {
		return
	}
	gap := 0.0
	if len(w.now) > 0 && w.space != nil {
		gap = w.fonts.width(" ", *w.space, w.size)
	}
	if w.reach+gap+w.wordWidth > w.limit && len(w.now) > 0 {
		w.endLine()
		gap = 0
	}
	if gap > 0 {
		w.put(*w.space, " ", gap)
	}
	for _, piece := range w.word {
		w.putAll(piece.style, piece.text)
	}
	w.word, w.wordWidth, w.space = nil, 0, nil
}

// putAll divides what is wider than a whole line.
func (w *wrapper) putAll(cut style, text string) {
	if width := w.fonts.width(text, cut, w.size); w.reach+width <= w.limit {
		w.put(cut, text, width)
		return
	}
	from, width := 0, 0.0
	for at, r := range text {
		next := w.fonts.width(string(r), cut, w.size)
		if w.reach+width+next > w.limit && (at > from || len(w.now) > 0) {
			w.put(cut, text[from:at], width)
			w.endLine()
			from, width = at, 0
		}
		width += next
	}
	w.put(cut, text[from:], width)
}

// put puts text onto the line as it is.
func (w *wrapper) put(cut style, text string, width float64) {
	if text == "" {
		return
	}
	if last := len(w.now) - 1; last >= 0 && w.now[last].style == cut {
		w.now[last].text += text
	} else {
		w.now = append(w.now, piece{span{text, cut}, w.reach})
	}
	w.reach += width
}

func (w *wrapper) endLine() {
	w.lines = append(w.lines, w.now)
	w.now, w.reach, w.space = nil, 0, nil
}
