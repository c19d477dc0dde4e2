package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// nextJSON returns the next object. With a rowError the row has its line and text.
func (r *Rows) nextJSON() (Row, error) {
	for {
		next, err := r.in.next()
		if err != nil {
			return Row{}, err
		}
		if next.long {
			row := Row{Line: next.number, Text: strings.ToValidUTF8(string(next.text[:MaxRowBytes]), "")}
			return row, rowError{fmt.Sprintf("the line is longer than %d bytes", MaxRowBytes)}
		}
		text := bytes.TrimSpace(next.text)
		if len(text) == 0 {
			continue
		}
		row := Row{Line: next.number, Text: string(text)}
		if text[0] != '{' {
			return row, rowError{"the line is not a JSON object"}
		}
		if err := json.Unmarshal(text, &row.object); err != nil {
			return row, rowError{"the line is not one JSON object: " + err.Error()}
		}
		return row, nil
	}
}

// jsonPath finds a path in an object: the whole path as a key first, then step by step. A list is entered by index.
func jsonPath(object map[string]json.RawMessage, path string) (json.RawMessage, bool) {
	if raw, ok := object[path]; ok {
		return raw, true
	}
	key, rest, deeper := strings.Cut(path, ".")
	raw, ok := object[key]
	for ok && deeper {
		key, rest, deeper = strings.Cut(rest, ".")
		raw, ok = jsonStep(raw, key)
	}
	return raw, ok
}

func jsonStep(raw json.RawMessage, key string) (json.RawMessage, bool) {
	var object map[string]json.RawMessage
	if json.Unmarshal(raw, &object) == nil {
		value, ok := object[key]
		return value, ok
	}
	var list []json.RawMessage
	index, err := strconv.Atoi(key)
	if err != nil || json.Unmarshal(raw, &list) != nil || index < 0 || index >= len(list) {
		return nil, false
	}
	return list[index], true
}

// jsonColumns lists the paths to the values of some rows, sorted; at most 3 steps deep, without the items of lists.
func jsonColumns(rows []Row) []string {
	seen := map[string]bool{}
	var walk func(prefix string, object map[string]json.RawMessage, depth int)
	walk = func(prefix string, object map[string]json.RawMessage, depth int) {
		for key, raw := range object {
			var below map[string]json.RawMessage
			if depth < 3 && json.Unmarshal(raw, &below) == nil && len(below) > 0 {
				walk(prefix+key+".", below, depth+1)
			} else if len(seen) < 1000 {
				seen[prefix+key] = true
			}
		}
	}
	for _, row := range rows {
		walk("", row.object, 1)
	}
	columns := make([]string, 0, len(seen))
	for column := range seen {
		columns = append(columns, column)
	}
	slices.Sort(columns)
	return columns
}
