package cli

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"stagecraft/app/lifecycle"
)

// rowsAtOnce is how much of a list goes in one request.
const (
	rowsAtOnce = 20_000
	rowBytes   = 600 << 10
)

// JobsList says how broadcasts, or bulks, are listed.
type JobsList struct {
	Limit *int `name:"limit" placeholder:"N" help:"How many at most, the newest first; 0 lists all. Default: 50, and all with --json."`
	AsJSON
}

// limit is how many are listed; 0: all. A program that reads JSON looks for one among all of them.
func (c *JobsList) limit() int {
	switch {
	case c.Limit != nil:
		return *c.Limit
	case c.JSON:
		return 0
	}
	return 50
}

// maxJobsPage is how many broadcasts or bulks the server gives at once.
const maxJobsPage = 200

func (c *JobsList) list(w *world, server Remote, kind string, show func(table io.Writer, raw json.RawMessage) error) error {
	client, err := server.client()
	if err != nil {
		return err
	}
	all := []json.RawMessage{}
	table := tabwriter.NewWriter(w.stdout, 0, 0, 2, ' ', 0)
	list := pages{path: "/api/" + kind, name: kind, most: maxJobsPage}
	err = list.each(w, client, c.limit(), func(raw json.RawMessage) error {
		all = append(all, raw)
		if err := show(table, raw); err != nil {
			return lifecycle.Wrap(lifecycle.Internal, err, "the server's answer cannot be read")
		}
		return nil
	})
	if err != nil {
		return err
	}
	if c.JSON {
		return c.print(w, list.joined(all))
	}
	return table.Flush()
}

// addRows sends the customers of a file to the list at a path, in parts, and says what became of them.
func addRows(w *world, client *Client, as AsJSON, file, path string) error {
	rows, err := OpenRows(file, w.stdin)
	if err != nil {
		return err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	var sum struct {
		Added   int      `json:"added"`
		Again   int      `json:"again"`
		Unknown int      `json:"unknown"`
		Names   []string `json:"names,omitempty"`
	}
	var part bytes.Buffer
	n := 0
	send := func() error {
		if n == 0 {
			return nil
		}
		added := sum
		if _, err := client.Post(w.ctx, path, part.Bytes(), &added); err != nil {
			return err
		}
		sum.Added, sum.Again, sum.Unknown, sum.Names = sum.Added+added.Added, sum.Again+added.Again, sum.Unknown+added.Unknown, append(sum.Names, added.Names...)
		part.Reset()
		n = 0
		return nil
	}
	for {
		row, err := rows.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = row.Err
		}
		if err != nil {
			return err
		}
		text := row.Text
		if rows.Format == CSV {
			if n == 0 {
				part.WriteString(csvLine(columns))
			}
			text = strings.TrimSuffix(csvLine(row.cells), "\n")
		}
		part.WriteString(text)
		part.WriteByte('\n')
		if n++; n == rowsAtOnce || part.Len() > rowBytes {
			if err = send(); err != nil {
				return err
			}
		}
	}
	if err = send(); err != nil {
		return err
	}
	if as.JSON {
		return as.print(w, sum)
	}
	fmt.Fprintf(w.stdout, "%d put on the list, %d were there already, %d are not known\n", sum.Added, sum.Again, sum.Unknown)
	if sum.Unknown > 0 {
		fmt.Fprintf(w.stderr, "not known, among others: %s\n", strings.Join(sum.Names[:min(len(sum.Names), 20)], ", "))
	}
	return nil
}

func csvLine(cells []string) string {
	var line strings.Builder
	writer := csv.NewWriter(&line)
	_ = writer.Write(cells) // into memory
	writer.Flush()
	return line.String()
}
