package cli

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
)

// csvReader reads RFC 4180 records. Spaces belong to the cell. A cell that begins with a quote ends at the next single
// quote and may hold delimiters and line breaks; two quotes in it are one.
type csvReader struct {
	in         *lineReader
	delimiter  byte
	header     []string
	headerText string
	names      map[string]int // -1 for a name that occurs twice
	guarded    bool           // an export of ours wrote it: what a spreadsheet would take for a formula has an apostrophe before it
}

// readHeader reads the header, guesses the delimiter from it and returns its line.
func (c *csvReader) readHeader() (int, error) {
	first, err := c.in.next()
	if err != nil {
		return 0, err
	}
	c.delimiter = guessDelimiter(first.text)
	c.in.unread(first)
	row, err := c.record()
	if err != nil {
		return row.Line, err
	}
	c.headerText = row.Text
	c.names = map[string]int{}
	for i, name := range row.cells {
		name = strings.TrimSpace(name)
		c.header = append(c.header, name)
		if _, twice := c.names[name]; twice || name == "" {
			c.names[name] = -1
		} else {
			c.names[name] = i
		}
	}
	return row.Line, nil
}

// endsWithCR reports whether a header goes on behind a carriage return that stands in no quotes: what ends the lines is not a line
// feed, and all rows would be part of the header.
func endsWithCR(header []byte) bool {
	quoted := false
	for _, b := range bytes.TrimRight(header, "\r") {
		switch {
		case b == '"':
			quoted = !quoted
		case b == '\r' && !quoted:
			return true
		}
	}
	return false
}

// guessDelimiter takes the one of comma, semicolon and tab that the line has most of outside quotes.
func guessDelimiter(header []byte) byte {
	counts := map[byte]int{}
	quoted := false
	for _, b := range header {
		switch {
		case b == '"':
			quoted = !quoted
		case !quoted:
			counts[b]++
		}
	}
	best := byte(',')
	for _, candidate := range []byte{';', '\t'} {
		if counts[candidate] > counts[best] {
			best = candidate
		}
	}
	return best
}

// next returns the next record that is not a blank line. With a rowError the row has its line and text.
func (c *csvReader) next() (Row, error) {
	row, err := c.record()
	if err != nil {
		return row, err
	}
	if len(row.cells) != len(c.header) {
		return row, rowError{fmt.Sprintf("the row has %s, the header has %d; is a quote or a delimiter missing?",
			cellCount(len(row.cells)), len(c.header))}
	}
	row.columns, row.names = c.header, c.names
	for i := range row.cells {
		if !c.guarded {
			break
		}
		row.cells[i] = unguarded(row.cells[i])
	}
	return row, nil
}

func cellCount(n int) string {
	if n == 1 {
		return "1 cell"
	}
	return fmt.Sprintf("%d cells", n)
}

// record reads one record of any number of cells.
func (c *csvReader) record() (Row, error) {
	var first line
	for {
		var err error
		if first, err = c.in.next(); err != nil {
			return Row{}, err
		}
		if len(bytes.TrimSpace(first.text)) > 0 || first.long {
			break
		}
	}
	row := Row{Line: first.number}
	text, lines, cells := first.text, []line{first}, cellSplitter{delimiter: c.delimiter}
	for last := first; ; {
		if last.long || len(text) > MaxRowBytes {
			if len(lines) > 1 {
				return c.unclosed(row, lines, fmt.Sprintf("within %d bytes", MaxRowBytes))
			}
			row.Text = strings.ToValidUTF8(string(text[:MaxRowBytes]), "")
			return row, rowError{fmt.Sprintf("the row is longer than %d bytes", MaxRowBytes)}
		}
		cells.feed(last.text)
		if cells.state != quoted {
			row.Text = string(text)
			if cells.state == broken {
				return row, rowError{cells.problem}
			}
			row.cells = append(cells.cells, string(cells.cell))
			return row, nil
		}
		more, err := c.in.next()
		if err == io.EOF {
			return c.unclosed(row, lines, "before the end of the source")
		}
		if err != nil {
			return row, err
		}
		cells.feed([]byte(last.end))
		if len(lines) == 1 {
			text = bytes.Clone(text)
		}
		text = append(append(text, last.end...), more.text...)
		lines, last = append(lines, more), more
	}
}

// unclosed refuses the first line and takes back the others: one missing quote should cost one row, not the rest of
// the source.
func (c *csvReader) unclosed(row Row, lines []line, where string) (Row, error) {
	for _, more := range slices.Backward(lines[1:]) {
		c.in.unread(more)
	}
	row.Text = string(lines[0].text)
	return row, rowError{"a quote that opens here is not closed " + where}
}

type cellState int

const (
	atStart cellState = iota // of a cell
	plain                    // in a cell without quotes
	quoted                   // in a cell with quotes
	closing                  // behind a quote in such a cell: its end, or the first of two
	broken                   // the row is not CSV
)

// cellSplitter cuts a record into cells, piece by piece.
type cellSplitter struct {
	delimiter byte
	state     cellState
	cells     []string
	cell      []byte // the cell that is being read
	problem   string // why the row is broken
}

func (s *cellSplitter) feed(text []byte) {
	for _, b := range text {
		switch {
		case s.state == broken:
			return
		case s.state == quoted:
			if b == '"' {
				s.state = closing
			} else {
				s.cell = append(s.cell, b)
			}
		case b == s.delimiter:
			s.cells = append(s.cells, string(s.cell))
			s.cell, s.state = s.cell[:0], atStart
		case b == '"' && s.state == atStart:
			s.state = quoted
		case b == '"' && s.state == closing:
			s.cell, s.state = append(s.cell, '"'), quoted
		case b == '"':
			s.state, s.problem = broken, "there is a quote inside a cell that does not begin with one; put the cell in quotes and double those in it"
		case s.state == closing:
			s.state, s.problem = broken, "there is text behind a closing quote; a quote inside a cell is written twice"
		default:
			s.cell, s.state = append(s.cell, b), plain
		}
	}
}
