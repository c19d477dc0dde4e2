package cli

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"unicode/utf8"

	"stagecraft/app/lifecycle"
)

// MaxRowBytes is the longest row that a source may have, quoted line breaks included. It is several times what an
// event may hold, so that a row is refused for what is wrong with it.
const MaxRowBytes = 256 << 10

// Format is how a source writes its rows.
type Format string

const (
	CSV    Format = "csv"
	NDJSON Format = "ndjson"
)

// Row is one record of a source.
type Row struct {
	Line int    // the 1-based line of the source on which the row starts
	Text string // the row as it stands in the source, without its line end
	Err  error  // why it cannot be read, as a *lifecycle.Error; such a row has no columns

	foreign bool // it is a row but for its letters, which are not UTF-8

	columns []string // of the header, in its order
	names   map[string]int
	cells   []string
	object  map[string]json.RawMessage
}

// Value is what a column holds in one row: the text of a CSV cell, or a JSON value.
type Value struct {
	Text string
	JSON json.RawMessage // set for NDJSON only
}

// Empty reports whether there is nothing: an empty cell, or null.
func (v Value) Empty() bool {
	if v.JSON != nil {
		return string(v.JSON) == "null"
	}
	return v.Text == ""
}

// Get returns a column's value in the row. In NDJSON a column is a path with dots ("order.items.0.sku"); a key that
// itself contains the dots counts first.
func (r Row) Get(column string) (Value, bool) {
	if r.object != nil {
		raw, ok := jsonPath(r.object, column)
		return Value{JSON: raw}, ok
	}
	index, ok := r.names[column]
	if !ok || index < 0 || index >= len(r.cells) {
		return Value{}, false
	}
	return Value{Text: r.cells[index]}, true
}

// Identity names a row for good: source, line and content. The same row read again has the same identity; two equal
// rows on two lines have two.
func (r Row) Identity(source string) lifecycle.ID {
	return lifecycle.HashID("row", source, strconv.Itoa(r.Line), r.Text)
}

// Rows reads the rows of one source: CSV as RFC 4180 has it (with a header line, and with comma, semicolon or tab
// between the cells, whichever the header has most of) or NDJSON (one JSON object a line), in UTF-8 with or without
// a byte order mark, plain or packed with gzip. All of this is told from the content. It reads as it goes and holds
// one row at a time. It is used by one goroutine; only Position may be called from others.
type Rows struct {
	Format Format

	file   string // for errors
	size   int64  // bytes of the file, packed or not; 0 if unknown
	source *countingReader
	in     *lineReader
	csv    *csvReader
	ahead  []Row // rows that were read in advance
	close  func() error
}

// OpenRows opens a file, or standard input if path is "-". Errors of the content, such as a header that cannot be
// read, are *lifecycle.Error with code Invalid.
func OpenRows(path string, stdin io.Reader) (*Rows, error) {
	if path == "-" {
		return NewRows("standard input", stdin)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, lifecycle.Wrap(lifecycle.NotFound, err, "the file cannot be opened")
	}
	rows, err := NewRows(filepath.Base(path), file)
	if err != nil {
		file.Close()
		return nil, err
	}
	if info, err := file.Stat(); err == nil && info.Mode().IsRegular() {
		rows.size = info.Size()
	}
	rows.close = file.Close
	return rows, nil
}

// NewRows reads from any reader; name stands before the line in errors.
func NewRows(name string, r io.Reader) (*Rows, error) {
	rows := &Rows{file: name, source: &countingReader{r: r}, close: func() error { return nil }}
	buffered := bufio.NewReaderSize(rows.source, 64<<10)
	if magic, _ := buffered.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		unpacked, err := gzip.NewReader(buffered)
		if err != nil {
			return nil, rows.invalid(1, "the gzip file is damaged: %v", err)
		}
		buffered = bufio.NewReaderSize(unpacked, 64<<10)
	}
	start, err := buffered.Peek(3)
	if len(start) == 0 {
		if err != nil && err != io.EOF {
			return nil, lifecycle.Wrap(lifecycle.Invalid, err, "%s cannot be read", name)
		}
		return nil, rows.invalid(1, "the source is empty")
	}
	switch {
	case bytes.Equal(start, []byte{0xef, 0xbb, 0xbf}):
		_, _ = buffered.Discard(3)
	case len(start) > 1 && (start[0] == 0xff && start[1] == 0xfe || start[0] == 0xfe && start[1] == 0xff):
		return nil, rows.invalid(1, "the text is UTF-16; save it as UTF-8 (in a spreadsheet: \"CSV UTF-8\")")
	}
	rows.in = newLineReader(buffered)
	return rows, rows.begin()
}

// begin tells the format by the first line that is not blank, and reads the header of CSV.
func (r *Rows) begin() error {
	for {
		line, err := r.in.next()
		if err == io.EOF {
			return r.invalid(1, "the source is empty")
		}
		if err != nil {
			return r.failed(err)
		}
		trimmed := bytes.TrimSpace(line.text)
		switch {
		case len(trimmed) == 0:
			continue
		case trimmed[0] == '{':
			r.Format = NDJSON
			r.in.unread(line)
			return nil
		case trimmed[0] == '[':
			return r.invalid(line.number, "this is a JSON array; write one object a line (for example with jq -c '.[]')")
		}
		if endsWithCR(line.text) {
			return r.invalid(line.number, `the lines end with a carriage return alone; save it as "CSV UTF-8", or turn them with tr '\r' '\n'`)
		}
		r.Format = CSV
		r.in.unread(line)
		r.csv = &csvReader{in: r.in}
		number, err := r.csv.readHeader()
		if err != nil {
			var bad rowError
			if errors.As(err, &bad) {
				return r.invalid(number, "the header cannot be read: %s", bad.message)
			}
			return r.failed(err)
		}
		return nil
	}
}

// Columns returns the columns: of CSV the header, of NDJSON the paths in the first rows (up to 100, which are read
// in advance).
func (r *Rows) Columns() ([]string, error) {
	if r.Format == CSV {
		return r.csv.header, nil
	}
	for len(r.ahead) < 100 {
		row, err := r.read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		r.ahead = append(r.ahead, row)
	}
	return jsonColumns(r.ahead), nil
}

// Delimiter returns what stands between the cells of CSV.
func (r *Rows) Delimiter() byte {
	if r.csv == nil {
		return 0
	}
	return r.csv.delimiter
}

// Header returns the header line of CSV as it stands in the source.
func (r *Rows) Header() string {
	if r.csv == nil {
		return ""
	}
	return r.csv.headerText
}

// Next returns the next row, or io.EOF. A row that cannot be read comes with Err set and reading goes on behind it;
// an error ends the source.
func (r *Rows) Next() (Row, error) {
	if len(r.ahead) > 0 {
		row := r.ahead[0]
		r.ahead = r.ahead[1:]
		return row, nil
	}
	return r.read()
}

func (r *Rows) read() (Row, error) {
	for {
		var row Row
		var err error
		if r.Format == CSV {
			row, err = r.csv.next()
		} else {
			row, err = r.nextJSON()
		}
		foreign := err == nil && !utf8.ValidString(row.Text)
		if foreign {
			err = rowError{"the row is not UTF-8; save the source as UTF-8"}
		}
		var bad rowError
		switch {
		case errors.As(err, &bad):
			return Row{Line: row.Line, Text: row.Text, Err: r.invalid(row.Line, "%s", bad.message), foreign: foreign}, nil
		case err == io.EOF:
			return Row{}, io.EOF
		case err != nil:
			return Row{}, r.failed(err)
		}
		return row, nil
	}
}

// Position returns how many bytes of the file were read and how many there are, 0 if that is not known. Packed files
// count packed.
func (r *Rows) Position() (done, total int64) { return r.source.count.Load(), r.size }

// Close closes the file.
func (r *Rows) Close() error { return r.close() }

func (r *Rows) invalid(line int, format string, args ...any) error {
	err := lifecycle.Errorf(lifecycle.Invalid, format, args...)
	err.File, err.Line = r.file, line
	return err
}

func (r *Rows) failed(err error) error {
	failure := lifecycle.Wrap(lifecycle.Invalid, err, "the source cannot be read further")
	failure.File, failure.Line = r.file, r.in.number
	return failure
}

// rowError is what is wrong with one row.
type rowError struct{ message string }

func (e rowError) Error() string { return e.message }

// countingReader counts what goes through it.
type countingReader struct {
	r     io.Reader
	count atomic.Int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.count.Add(int64(n))
	return n, err
}
