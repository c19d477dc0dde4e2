package sms

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"
)

// parseJSON reads one JSON value; numbers keep their digits.
func parseJSON(body []byte) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one JSON value")
	}
	return value, nil
}

// at is what stands in a JSON value at a path of names and positions from 0, such as "data.messages.0.id". Only texts,
// numbers and truths are found; a number is written as it stands there.
func at(value any, path string) (string, bool) {
	for name := range strings.SplitSeq(path, ".") {
		switch inner := value.(type) {
		case map[string]any:
			found, ok := inner[name]
			if !ok {
				return "", false
			}
			value = found
		case []any:
			n, err := strconv.Atoi(name)
			if err != nil || n < 0 || n >= len(inner) {
				return "", false
			}
			value = inner[n]
		default:
			return "", false
		}
	}
	switch found := value.(type) {
	case string:
		return found, true
	case json.Number:
		return found.String(), true
	case bool:
		return strconv.FormatBool(found), true
	}
	return "", false
}
