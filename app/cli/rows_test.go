package cli_test

import (
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"stagecraft/app/cli"
	"stagecraft/app/lifecycle"
)

// dump reads a source and writes one line for each row: its line, and its columns or what is wrong with it.
func dump(t *testing.T, text string) string {
	t.Helper()
	rows, err := cli.NewRows("in", strings.NewReader(text))
	if err != nil {
		return "failed: " + err.Error()
	}
	columns, err := rows.Columns()
	if err != nil {
		return "failed: " + err.Error()
	}
	out := fmt.Sprintf("%s %q\n", rows.Format, columns)
	for {
		row, err := rows.Next()
		if err == io.EOF {
			return out
		}
		if err != nil {
			return out + "failed: " + err.Error()
		}
		if row.Err != nil {
			out += fmt.Sprintf("%d! %s\n", row.Line, row.Err)
			continue
		}
		out += fmt.Sprintf("%d:", row.Line)
		for _, column := range columns {
			value, ok := row.Get(column)
			switch {
			case !ok:
				out += " -"
			case value.JSON != nil:
				out += " " + string(value.JSON)
			default:
				out += fmt.Sprintf(" %q", value.Text)
			}
		}
		out += "\n"
	}
}

func TestRows(t *testing.T) {
	long := strings.Repeat("x", cli.MaxRowBytes)
	for name, check := range map[string]struct{ in, want string }{
		"comma":             {"a,b\n1,2\n", "csv [\"a\" \"b\"]\n2: \"1\" \"2\"\n"},
		"no last line end":  {"a,b\n1,2", "csv [\"a\" \"b\"]\n2: \"1\" \"2\"\n"},
		"byte order mark":   {"\xef\xbb\xbfa,b\r\n1,2\r\n", "csv [\"a\" \"b\"]\n2: \"1\" \"2\"\n"},
		"semicolon":         {"a;\"b,c,d\"\n1,5;2\n", "csv [\"a\" \"b,c,d\"]\n2: \"1,5\" \"2\"\n"},
		"tab":               {"a\tb\n1\t\n", "csv [\"a\" \"b\"]\n2: \"1\" \"\"\n"},
		"one column":        {"a\n1\n", "csv [\"a\"]\n2: \"1\"\n"},
		"quotes":            {"a,b\n\"x,\"\"y\"\"\",\" z \"\n", "csv [\"a\" \"b\"]\n2: \"x,\\\"y\\\"\" \" z \"\n"},
		"quoted line break": {"a,b\n\"x\r\n\r\ny\",2\n3,4\n", "csv [\"a\" \"b\"]\n2: \"x\\r\\n\\r\\ny\" \"2\"\n5: \"3\" \"4\"\n"},
		"blank lines":       {"\n\na,b\n\n1,2\n   \n3,4\n\n", "csv [\"a\" \"b\"]\n5: \"1\" \"2\"\n7: \"3\" \"4\"\n"},
		"too few, too many": {"a,b\n1\n1,2,3\n1,2\n", "csv [\"a\" \"b\"]\n" +
			"2! in:2: the row has 1 cell, the header has 2; is a quote or a delimiter missing?\n" +
			"3! in:3: the row has 3 cells, the header has 2; is a quote or a delimiter missing?\n4: \"1\" \"2\"\n"},
		"quote never closed": {"a,b\n1,\"2\n3,4\n5,6\n", "csv [\"a\" \"b\"]\n" +
			"2! in:2: a quote that opens here is not closed before the end of the source\n3: \"3\" \"4\"\n4: \"5\" \"6\"\n"},
		"quote never closed, much behind it": {"a\n\"1\n2\n" + long, "csv [\"a\"]\n" +
			"2! in:2: a quote that opens here is not closed within 262144 bytes\n3: \"2\"\n4: \"" + long + "\"\n"},
		"stray quotes": {"a,b\n5\" pipe,2\n\"x\"y,2\n1,2\n", "csv [\"a\" \"b\"]\n" +
			"2! in:2: there is a quote inside a cell that does not begin with one; put the cell in quotes and double those in it\n" +
			"3! in:3: there is text behind a closing quote; a quote inside a cell is written twice\n4: \"1\" \"2\"\n"},
		"too long":        {"a\n" + long + "yy\n1\n", "csv [\"a\"]\n2! in:2: the row is longer than 262144 bytes\n3: \"1\"\n"},
		"much too long":   {"a\n" + long + long + "\n1\n", "csv [\"a\"]\n2! in:2: the row is longer than 262144 bytes\n3: \"1\"\n"},
		"not UTF-8":       {"a\n\xff\n1\n", "csv [\"a\"]\n2! in:2: the row is not UTF-8; save the source as UTF-8\n3: \"1\"\n"},
		"CR alone":        {"a,b\r1,2\r3,4\r", "failed: in:1: the lines end with a carriage return alone; save it as \"CSV UTF-8\", or turn them with tr '\\r' '\\n'"},
		"CR in a header":  {"\"a\rb\",c\r\n1,2\r\n", "csv [\"a\\rb\" \"c\"]\n2: \"1\" \"2\"\n"},
		"CR at the end":   {"a,b\r", "csv [\"a\" \"b\"]\n"},
		"UTF-16":          {"\xff\xfea\x00", "failed: in:1: the text is UTF-16; save it as UTF-8 (in a spreadsheet: \"CSV UTF-8\")"},
		"empty":           {"", "failed: in:1: the source is empty"},
		"only blanks":     {"\n \n", "failed: in:1: the source is empty"},
		"header only":     {"a,b\n", "csv [\"a\" \"b\"]\n"},
		"bad header":      {"a,\"b\n", "failed: in:1: the header cannot be read: a quote that opens here is not closed before the end of the source"},
		"same name twice": {"a,a,b\n1,2,3\n", "csv [\"a\" \"a\" \"b\"]\n2: - - \"3\"\n"},
		"objects": {"{\"a\":1,\"b\":{\"c\":\"x\"}}\n\n{\"b\":{\"c\":null}}\n",
			"ndjson [\"a\" \"b.c\"]\n1: 1 \"x\"\n3: - null\n"},
		"bad objects": {"{\"a\":1}\n{\"a\":\n7\n{\"a\":2} {}\n{\"a\":3}", "ndjson [\"a\"]\n1: 1\n" +
			"2! in:2: the line is not one JSON object: unexpected end of JSON input\n3! in:3: the line is not a JSON object\n" +
			"4! in:4: the line is not one JSON object: invalid character '{' after top-level value\n5: 3\n"},
		"a list": {"[{\"a\":1}]", "failed: in:1: this is a JSON array; write one object a line (for example with jq -c '.[]')"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := dump(t, check.in); got != check.want {
				t.Errorf("got\n%.600s\nwant\n%.600s", got, check.want)
			}
		})
	}
}

func TestRowsByPath(t *testing.T) {
	rows, err := cli.NewRows("in", strings.NewReader(`{"order":{"id":7,"items":[{"sku":"x"},{"sku":"y"}]},"order.id":8,"a":{"b.c":1}}`))
	if err != nil {
		t.Fatal(err)
	}
	row, err := rows.Next()
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"order.id": "8", "order.items.1.sku": `"y"`, "order.items.2.sku": "", "order.none": "", "a.b.c": "", "order.items.x": "", "": ""} {
		value, ok := row.Get(path)
		if string(value.JSON) != want || ok != (want != "") {
			t.Errorf("%s: %s, %v", path, value.JSON, ok)
		}
	}
}

func TestGzipAndFiles(t *testing.T) {
	var packed bytes.Buffer
	writer := gzip.NewWriter(&packed)
	fmt.Fprint(writer, "a,b\n1,2\n")
	writer.Close()
	path := filepath.Join(t.TempDir(), "orders.csv.gz")
	if err := os.WriteFile(path, packed.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	rows, err := cli.OpenRows(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	row, err := rows.Next()
	if value, _ := row.Get("b"); err != nil || value.Text != "2" {
		t.Errorf("row %v, error %v", row, err)
	}
	if done, total := rows.Position(); done != int64(packed.Len()) || total != done {
		t.Errorf("position %d of %d, want %d", done, total, packed.Len())
	}
	cut := packed.Bytes()[:packed.Len()-9]
	if rows, err := cli.NewRows("cut.gz", bytes.NewReader(cut)); err == nil {
		for err == nil {
			_, err = rows.Next()
		}
		if err == io.EOF || lifecycle.CodeOf(err) != lifecycle.Invalid {
			t.Errorf("a cut file ends with %v", err)
		}
	}
	if _, err := cli.OpenRows(filepath.Join(t.TempDir(), "none.csv"), nil); lifecycle.CodeOf(err) != lifecycle.NotFound || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}

func TestIdentity(t *testing.T) {
	first, err := cli.NewRows("in", strings.NewReader("a\n1\n1\n2\n"))
	if err != nil {
		t.Fatal(err)
	}
	again, err := cli.NewRows("in", strings.NewReader("a\r\n1\r\n1\r\n3\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	var ids, idsAgain []lifecycle.ID
	for range 3 {
		one, _ := first.Next()
		other, _ := again.Next()
		ids, idsAgain = append(ids, one.Identity("s")), append(idsAgain, other.Identity("s"))
		if one.Identity("s") == one.Identity("t") {
			t.Error("two sources share an identity")
		}
	}
	if ids[0] == ids[1] || ids[0] != idsAgain[0] || ids[1] != idsAgain[1] || ids[2] == idsAgain[2] {
		t.Errorf("identities %v and %v", ids, idsAgain)
	}
}

func FuzzCSV(f *testing.F) {
	for _, seed := range []string{"a,b\n1,2\n", "a;b\n\"1\n\";2", "a\n\"\n", "a,b\n\"x\"\"\",\n", "a\tb\r\n1\t2\r\n", "\"a\"\"\",b\n1,2"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		rows, err := cli.NewRows("in", strings.NewReader(text))
		if err != nil || rows.Format != cli.CSV {
			return
		}
		var got [][]string
		columns, _ := rows.Columns()
		line, bad := 0, false
		for {
			row, err := rows.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if row.Line <= line {
				t.Fatalf("line %d after %d", row.Line, line)
			}
			line = row.Line
			if row.Err != nil {
				bad = true
				continue
			}
			var cells []string
			for _, column := range columns {
				value, _ := row.Get(column)
				cells = append(cells, value.Text)
			}
			got = append(got, cells)
		}
		// The standard library's reader must agree on what is well-formed; it turns \r\n into \n, and knows no blanks.
		if bad || strings.ContainsRune(text, '\r') || !utf8.ValidString(text) || strings.HasPrefix(text, "\ufeff") || slices.ContainsFunc(strings.Split(text, "\n"), func(l string) bool {
			return l != "" && strings.TrimSpace(l) == ""
		}) {
			return
		}
		reader := csv.NewReader(strings.NewReader(text))
		reader.Comma = rune(rows.Delimiter())
		want, err := reader.ReadAll()
		if err != nil {
			t.Fatalf("the standard library refuses what we read: %v", err)
		}
		seen := map[string]bool{}
		for _, column := range columns {
			if column == "" || seen[column] {
				return
			}
			seen[column] = true
		}
		if len(want)-1 != len(got) {
			t.Fatalf("%d rows, want %d", len(got), len(want)-1)
		}
		for i := range got {
			if !slices.Equal(got[i], want[i+1]) {
				t.Fatalf("row %d: %q, want %q", i, got[i], want[i+1])
			}
		}
	})
}

func FuzzNDJSON(f *testing.F) {
	for _, seed := range []string{`{"a":1}`, "{\"a\":{\"b\":[1,2]}}\n{}\n", "{\n", `{"a":"\ud800"}`} {
		f.Add(seed, "a.b.0")
	}
	f.Fuzz(func(t *testing.T, text, path string) {
		rows, err := cli.NewRows("in", strings.NewReader("{\"seed\":0}\n"+text))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := rows.Columns(); err != nil {
			t.Fatal(err)
		}
		for {
			row, err := rows.Next()
			if err != nil {
				return
			}
			row.Get(path)
			if event, err := cli.SegmentEvent(row); err == nil && event.Validate() != nil {
				t.Fatalf("event %+v is not valid", event)
			}
		}
	})
}
