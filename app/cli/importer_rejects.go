package cli

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"stagecraft/app/lifecycle"
)

// Rejects is the file of the rows that did not get in, each with its line and the reason, in the form of its source:
// after repair it can be imported with the same --map. It is made at the first such row and readable by its owner
// only. CSV has the columns rejected_line and rejected_reason before the source's own; NDJSON the same two keys. A row
// that is not even a row is kept as one text. A row's bytes are those of its source, in whatever encoding that is.
type Rejects struct {
	Path string

	rows   *Rows
	file   *os.File
	writer *bufio.Writer
}

// rejectColumns are what a file of rejects says beside what its source does.
var rejectColumns = []string{"rejected_line", "rejected_reason"}

var rejectsName = regexp.MustCompile(`^(.+)\.rejects(?:-([0-9]{1,4}))?\.(?:csv|ndjson)$`)

// sourceOfRejects returns the source whose bad rows a file has by its name, and which such file it is, from 1 on. Of any other
// file it is the name itself, and 0.
func sourceOfRejects(name string) (source string, nth int) {
	parts := rejectsName.FindStringSubmatch(name)
	if parts == nil {
		return name, 0
	}
	nth = 1
	if parts[2] != "" {
		nth, _ = strconv.Atoi(parts[2])
	}
	return parts[1], nth
}

// rejectsPath returns where bad rows go: those of a source's rejects into the next file, and never into the one that is being read.
func (f *ImportFlags) rejectsPath(source string, format Format, reads string) (string, error) {
	if f.Rejects != "" {
		if sameFile(f.Rejects, reads) {
			return "", lifecycle.Errorf(lifecycle.Invalid, "%s is the file that is read; name another one for bad rows with --rejects", f.Rejects)
		}
		return f.Rejects, nil
	}
	_, nth := sourceOfRejects(filepath.Base(reads))
	for {
		path := source + ".rejects." + string(format)
		if nth++; nth > 1 {
			path = fmt.Sprintf("%s.rejects-%d.%s", source, nth, format)
		}
		if !sameFile(path, reads) {
			return path, nil
		}
	}
}

func sameFile(a, b string) bool {
	first, err := os.Stat(a)
	if err != nil {
		return false
	}
	second, err := os.Stat(b)
	return err == nil && os.SameFile(first, second)
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
	if row.cells == nil && !row.foreign {
		text = quote(text)
	}
	return strings.Join([]string{strconv.Itoa(row.Line), quote(strings.ToValidUTF8(reason, "\uFFFD")), text}, string(r.rows.Delimiter()))
}

func quote(text string) string {
	return `"` + strings.ReplaceAll(text, `"`, `""`) + `"`
}

func ndjson(row Row, reason string) string {
	head := `{"rejected_line":` + strconv.Itoa(row.Line) + `,"rejected_reason":` + string(jsonText(reason))
	if row.object == nil && !row.foreign {
		return head + `,"rejected_text":` + jsonBytes(row.Text) + "}"
	}
	rest := strings.TrimSpace(row.Text)[1:]
	if strings.TrimSpace(rest) == "}" || !json.Valid([]byte("{"+rest)) {
		return head + "}"
	}
	return head + "," + rest
}

// jsonBytes writes a text as JSON, and what is not UTF-8 as it is.
func jsonBytes(text string) string {
	if utf8.ValidString(text) {
		return string(jsonText(text))
	}
	out := []byte{'"'}
	for i := range len(text) {
		switch b := text[i]; {
		case b == '"' || b == '\\':
			out = append(out, '\\', b)
		case b < ' ':
			out = fmt.Appendf(out, `\u%04x`, b)
		default:
			out = append(out, b)
		}
	}
	return string(append(out, '"'))
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
