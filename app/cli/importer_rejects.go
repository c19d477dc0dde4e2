package cli

import (
	"bufio"
	"encoding/json"
	"os"
	"strconv"
	"strings"

	"stagecraft/app/lifecycle"
)

// Rejects is the file of the rows that did not get in, each with its line and the reason, in the form of its source:
// after repair it can be imported with the same --map. It is made at the first such row and readable by its owner
// only. CSV has the columns rejected_line and rejected_reason before the source's own; NDJSON the same two keys. A row
// that is not even a row is kept as one text.
type Rejects struct {
	Path string

	rows   *Rows
	file   *os.File
	writer *bufio.Writer
}

// NewRejects writes to a path, replacing what is there.
func NewRejects(path string, rows *Rows) *Rejects { return &Rejects{Path: path, rows: rows} }

// Add writes one row.
func (r *Rejects) Add(row Row, reason string) error {
	if r.file == nil {
		file, err := os.OpenFile(r.Path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
		if err != nil {
			return lifecycle.Wrap(lifecycle.Invalid, err, "the rejected rows cannot be written; name a file that can with --rejects")
		}
		r.file, r.writer = file, bufio.NewWriter(file)
		if r.rows.Format == CSV {
			delimiter := string(r.rows.Delimiter())
			r.writer.WriteString("rejected_line" + delimiter + "rejected_reason" + delimiter + r.rows.Header() + "\n")
		}
	}
	if r.rows.Format == CSV {
		r.writer.WriteString(r.csv(row, reason) + "\n")
		return nil
	}
	r.writer.WriteString(ndjson(row, reason) + "\n")
	return nil
}

func (r *Rejects) csv(row Row, reason string) string {
	text := row.Text
	if row.cells == nil {
		text = quote(text)
	}
	return strings.Join([]string{strconv.Itoa(row.Line), quote(reason), text}, string(r.rows.Delimiter()))
}

func quote(text string) string {
	return `"` + strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), `"`, `""`) + `"`
}

func ndjson(row Row, reason string) string {
	head := `{"rejected_line":` + strconv.Itoa(row.Line) + `,"rejected_reason":` + string(jsonText(reason))
	if row.object == nil {
		return head + `,"rejected_text":` + string(jsonText(row.Text)) + "}"
	}
	rest := strings.TrimSpace(row.Text)[1:]
	if strings.TrimSpace(rest) == "}" || !json.Valid([]byte("{"+rest)) {
		return head + "}"
	}
	return head + "," + rest
}

// Close completes the file, if there is one.
func (r *Rejects) Close() error {
	if r.file == nil {
		return nil
	}
	err := r.writer.Flush()
	if closing := r.file.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return lifecycle.Wrap(lifecycle.Invalid, err, "the rejected rows could not all be written to %s", r.Path)
	}
	return nil
}
