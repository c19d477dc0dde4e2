package letter

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// maxTextBytes is how long a letter's text may be before anything is tried.
const maxTextBytes = 256 << 10

// run is text in one style that stands on one line.
type run struct {
	x, y  float64 // where its baseline begins, in millimetres
	size  float64 // in points
	style style
	text  string
}

// stroke is a thin line across.
type stroke struct{ x, y, length float64 }

// page is one side.
type page struct {
	runs    []run
	strokes []stroke
}

// letter is one that was accepted.
type letter struct {
	ID      string    `json:"id"`
	Address address   `json:"address"`
	Subject string    `json:"subject,omitempty"`
	Text    string    `json:"text"`
	Kind    string    `json:"kind,omitempty"`
	At      time.Time `json:"at"`               // when it was accepted
	Behind  string    `json:"behind,omitempty"` // the last day in whose batch it was to be, and was not released
}

// composer sets letters. It is used by one goroutine at a time.
type composer struct {
	settings *settings
	fonts    fonts
}

func newComposer(s *settings) (*composer, error) {
	f, err := loadFonts()
	return &composer{settings: s, fonts: f}, err
}

var errTooLong = errors.New("too many pages")

// compose sets a letter of a day. Where it has more pages than most, or cannot be printed, the error says so in words for
// the sender.
func (c *composer) compose(l *letter, day time.Time, most int) ([]page, error) {
	if len(l.Text) > maxTextBytes {
		return nil, fmt.Errorf("the text is longer than %d KB", maxTextBytes>>10)
	}
	blocks, subject := parse(l.Text), tidy(l.Subject)
	if !slices.ContainsFunc(blocks, func(b block) bool { return len(b.spans) > 0 }) {
		return nil, errors.New("the letter has no text")
	}
	p := &press{composer: c, most: most}
	if err := p.begin(l, day); err != nil {
		return nil, err
	}
	if subject != "" {
		blocks = append([]block{{kind: heading, level: 3, spans: []span{{subject, bold}}}}, blocks...)
	}
	for i := range blocks {
		if err := p.block(&blocks[i], i == 0); errors.Is(err, errTooLong) {
			return nil, fmt.Errorf("the letter has more than %d pages", most)
		} else if err != nil {
			return nil, err
		}
		if i == 0 && subject != "" {
			p.y += paragraphGap
		}
	}
	p.end()
	return p.pages, nil
}

// press is the setting of one letter.
type press struct {
	*composer
	pages []page
	y     float64 // where the next line begins
	most  int
}

func (p *press) page() *page { return &p.pages[len(p.pages)-1] }

func (p *press) put(x, base, size float64, cut style, text string) {
	page := p.page()
	page.runs = append(page.runs, run{x, base, size, cut, text})
}

// bottom is where the text of a page ends: above the page's number and its foot.
func (p *press) bottom() float64 {
	return footBase - float64(len(p.settings.Footer))*smallPitch - 7
}

// begin sets what stands on the first page around the text.
func (p *press) begin(l *letter, day time.Time) error {
	p.pages = []page{{}}
	p.foot()
	for i, line := range p.settings.Sender {
		cut, size := regular, smallSize
		if i == 0 {
			cut, size = bold, headSize
		}
		p.put(pageWidth-marginRight-p.fonts.width(line, cut, size), headTop+float64(i)*4.2, size, cut, line)
	}
	back, size := p.settings.returnLine(), returnSize
	for room := windowWidth - windowInset; p.fonts.width(back, regular, size) > room && size > returnLeast; {
		size -= 0.25
	}
	p.put(windowLeft+windowInset, returnBase, size, regular, back)
	page := p.page()
	page.strokes = append(page.strokes,
		stroke{windowLeft + windowInset, returnRule, p.fonts.width(back, regular, size)},
		stroke{foldLeft, foldFirst, foldLength}, stroke{foldLeft, holes, foldLength * 1.5}, stroke{foldLeft, foldSecond, foldLength})
	lines, size, err := p.addressLines(l.Address)
	if err != nil {
		return err
	}
	for i, line := range lines {
		p.put(windowLeft+windowInset, addressTop+float64(i)*addressPitch+size*pointMM, size, regular, line)
	}
	if layout := dateLayouts[p.settings.Date]; layout != "" {
		date := day.Format(layout)
		p.put(pageWidth-marginRight-p.fonts.width(date, regular, bodySize), windowTop+45-1, bodySize, regular, date)
	}
	p.y = bodyTop
	return nil
}

// addressLines fits an address into its zone: in a smaller size, or with lines wrapped, where that is needed.
func (p *press) addressLines(a address) ([]string, float64, error) {
	whole := a.lines(p.settings.abroad(a.Country))
	if r, ok := p.fonts.lacks(strings.Join(whole, "\n")); ok {
		return nil, 0, fmt.Errorf("the address has the letter %q (%U), which the font lacks", r, r)
	}
	for size := addressSize; size >= addressMin; size -= 0.5 {
		var lines []string
		for _, line := range whole {
			for _, words := range p.wrap([]span{{line, regular}}, size, windowWidth-windowInset) {
				lines = append(lines, words.text())
			}
		}
		if len(lines) <= maxAddressLines {
			return lines, size, nil
		}
	}
	return nil, 0, fmt.Errorf("the address does not fit into the window: it has more than %d lines", maxAddressLines)
}

// foot sets the foot of a page.
func (p *press) foot() {
	for i, line := range p.settings.Footer {
		base := footBase - float64(len(p.settings.Footer)-1-i)*smallPitch
		p.put((pageWidth-p.fonts.width(line, regular, smallSize))/2, base, smallSize, regular, line)
	}
}

// end numbers the pages, if there are several.
func (p *press) end() {
	if len(p.pages) == 1 {
		return
	}
	for i := range p.pages {
		number := fmt.Sprintf("%d / %d", i+1, len(p.pages))
		base := p.bottom() + 4.5
		p.pages[i].runs = append(p.pages[i].runs, run{pageWidth - marginRight - p.fonts.width(number, regular, smallSize), base, smallSize, regular, number})
	}
}

// room begins a new page unless so many millimetres are left on this one.
func (p *press) room(need float64) error {
	if p.y+need <= p.bottom() {
		return nil
	}
	if len(p.pages) == p.most {
		return errTooLong
	}
	p.pages = append(p.pages, page{})
	p.y = nextTop
	p.foot()
	return nil
}

// block sets one block of the text.
func (p *press) block(b *block, first bool) error {
	size, pitch, indent := bodySize, bodyPitch, 0.0
	gap := paragraphGap
	switch b.kind {
	case heading:
		size, pitch = headings[b.level].size, headings[b.level].pitch
		gap = 2 * paragraphGap
		for i := range b.spans {
			b.spans[i].style = bold
		}
	case item:
		indent, gap = listIndent*float64(b.level+1), paragraphGap/2
	case rule:
		if err := p.room(2 * paragraphGap); err != nil {
			return err
		}
		p.y += 2 * paragraphGap
		page := p.page()
		page.strokes = append(page.strokes, stroke{marginLeft, p.y, textWidth})
		p.y += paragraphGap / 2
		return nil
	}
	for _, s := range b.spans {
		if r, ok := p.fonts.lacks(s.text); ok {
			return fmt.Errorf("the text has the letter %q (%U), which the font lacks", r, r)
		}
	}
	if !first && p.y > nextTop {
		p.y += gap
	}
	// A heading stays with two lines of what it heads, and no paragraph leaves its first line alone.
	lines := p.wrap(b.spans, size, textWidth-indent)
	least := pitch
	if b.kind == heading {
		least = float64(min(len(lines), 5))*pitch + paragraphGap + 2*bodyPitch
	} else if len(lines) > 1 {
		least = 2 * pitch
	}
	if err := p.room(least); err != nil {
		return err
	}
	for i, line := range lines {
		if err := p.room(pitch); err != nil {
			return err
		}
		base := p.y + pitch*0.76
		if i == 0 && b.kind == item {
			p.put(marginLeft+indent-listIndent+1, base, size, regular, b.mark)
		}
		for _, piece := range line {
			p.put(marginLeft+indent+piece.x, base, size, piece.style, piece.text)
		}
		p.y += pitch
	}
	return nil
}
