package letter

import (
	"encoding/json"
	"os"
	"slices"
	"time"

	"stagecraft/plugins/channel"
)

// CloseDays writes what is due, as the ticker does, with everything released.
func (c *Connector) CloseDays() error {
	o := c.current()
	for {
		ids, err := o.waiting()
		if err != nil {
			return err
		}
		o.mu.Lock() // the ticker is not roused: the test would run into its work
		for _, id := range ids {
			o.released[keyOf(id)] = struct{}{}
		}
		o.mu.Unlock()
		if len(ids) < channel.MaxNamed {
			break
		}
	}
	return o.closeDays()
}

// Look is one turn of the ticker: what was released is written.
func (c *Connector) Look() error { return c.current().closeDays() }

// MakeCut makes what a batch becomes without a letter, and does not move it to its place.
func (c *Connector) MakeCut(day, id string) error {
	o := c.current()
	text, err := os.ReadFile(o.settings.Folder + "/" + day + "/" + manifestName)
	if err != nil {
		return err
	}
	cut := cutter{folder: o.settings.Folder + "/" + day, into: o.state + "/" + day + cutEnd, wanted: map[string]bool{id: true}, drop: map[string]map[int]bool{}}
	if err = json.Unmarshal(text, &cut.manifest); err != nil {
		return err
	}
	return cut.make()
}

// CutPages drops pages of a PDF.
func CutPages(pdf []byte, pages ...int) ([]byte, error) {
	return cutPages(pdf, func(page int) bool { return slices.Contains(pages, page) })
}

// AfterMove leaves the day as a kill would between the batch's last step and the keys'.
func (c *Connector) AfterMove(day string) error {
	o := c.current()
	o.mu.Lock()
	err := o.beginClosing(day)
	o.mu.Unlock()
	if err != nil {
		return err
	}
	return o.makeBatch(day, o.state+"/"+day+journalEnd, o.settings.Folder+"/"+day)
}

// LeaveBehind moves letters of a day to the next batch and begins no batch, as a kill would leave it.
func (c *Connector) LeaveBehind(day string, ids ...string) error {
	o, keys := c.current(), map[key]struct{}{}
	for _, id := range ids {
		keys[keyOf(id)] = struct{}{}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.hold(day); err != nil {
		return err
	}
	return o.leaveBehind(day, keys)
}

// Setting sets one text on the page.
type Setting struct{ c *composer }

// NewSetting returns one for lines in the font of letters.
func NewSetting() (Setting, error) {
	c, err := newComposer(&settings{Sender: []string{"Sen", "1 Lê Duẩn"}, Footer: []string{"Foot"}, Country: "VN"})
	return Setting{c}, err
}

// Wrap breaks a text in simple Markdown as one paragraph would be, in lines of so many millimetres.
func (s Setting) Wrap(text string, limit float64) []string {
	var lines []string
	for _, b := range parse(text) {
		for _, line := range s.c.wrap(b.spans, bodySize, limit) {
			lines = append(lines, line.text())
		}
	}
	return lines
}

// Run is what stands on a line, from X to Right.
type Run struct {
	X, Y, Right float64
	Text        string
}

// Compose sets a letter.
func (s Setting) Compose(to, subject, text string) (runs []Run, err error) {
	l := letter{Subject: subject, Text: text}
	if l.Address, err = parseAddress(to, "VN"); err != nil {
		return nil, err
	}
	pages, err := s.c.compose(&l, time.Unix(0, 0), 20)
	for _, p := range pages {
		for _, r := range p.runs {
			runs = append(runs, Run{r.x, r.y, r.x + s.c.fonts.width(r.text, r.style, r.size), r.text})
		}
	}
	return runs, err
}

// Width is how wide a line is, in millimetres.
func (s Setting) Width(text string) float64 { return s.c.fonts.width(text, regular, bodySize) }

// Lacks returns the letters of a text that the font lacks.
func (s Setting) Lacks(text string) string {
	lacking := ""
	for _, r := range text {
		if _, ok := s.c.fonts.lacks(string(r)); ok {
			lacking += string(r)
		}
	}
	return lacking
}

// Outline tells how a text was understood.
func Outline(text string) []string {
	var out []string
	for _, b := range parse(text) {
		line := [...]string{"p", "h", "item", "rule"}[b.kind]
		if b.kind == heading || b.kind == item && b.level > 0 {
			line += string(rune('0' + b.level))
		}
		if b.mark != "" {
			line += " " + b.mark
		}
		for _, s := range b.spans {
			line += " [" + string(s.style) + "]" + s.text
		}
		out = append(out, line)
	}
	return out
}

// AddressLines is an address as it is printed.
func AddressLines(to, home string) ([]string, error) {
	a, err := parseAddress(to, home)
	if err != nil {
		return nil, err
	}
	s := &settings{Country: home}
	return a.lines(s.abroad(a.Country)), nil
}

// Safe is a cell of the table.
func Safe(cell string) string { return safe(cell) }
