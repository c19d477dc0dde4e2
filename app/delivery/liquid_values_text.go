package delivery

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/osteele/liquid/values"
)

// truth is Liquid's: everything is true but nil, false and what is missing.
func truth(value any) bool {
	if drop, ok := value.(templateDrop); ok {
		return drop.value.kind != missingKind && drop.value.kind != blankKind
	}
	return value != nil && value != false
}

// sizeOf estimates what looking through a value costs, in bytes: its texts, and one step's worth for each entry. An
// entry that stands in a list many times counts as often. It stops counting when the budget would be gone anyway.
func sizeOf(value any) int {
	const enough = (maxTemplateSteps + 1) * bytesPerStep
	size := 0
	switch value := value.(type) {
	case string:
		size = len(value)
	case templateNumber:
		size = len(value)
	case templateSafe:
		size = len(value)
	case []any:
		for _, entry := range value {
			if size += bytesPerStep + sizeOf(entry); size > enough {
				break
			}
		}
	case map[string]any:
		for name, entry := range value {
			if size += bytesPerStep + len(name) + sizeOf(entry); size > enough {
				break
			}
		}
	}
	return min(size, enough)
}

// textOf is how a value prints.
func textOf(value any) (string, error) {
	var text strings.Builder
	err := appendText(&text, value, 0)
	return text.String(), err
}

func appendText(w *strings.Builder, value any, depth int) error {
	if w.Len() > MaxTemplateOutput || depth > maxJSONDepth {
		return errOutputTooLarge()
	}
	switch value := value.(type) {
	case nil:
	case string:
		w.WriteString(value)
	case templateSafe:
		w.WriteString(string(value))
	case templateNumber:
		w.WriteString(value.String())
	case bool:
		w.WriteString(strconv.FormatBool(value))
	case int:
		w.WriteString(strconv.Itoa(value))
	case int64:
		w.WriteString(strconv.FormatInt(value, 10))
	case float64:
		w.WriteString(formatFloat(value))
	case time.Time:
		w.WriteString(value.Format(time.RFC3339))
	case values.Range:
		if value.Len() > 0 {
			fmt.Fprintf(w, "%v..%v", value.Index(0), value.Index(value.Len()-1))
		}
	case []any:
		for _, entry := range value {
			if err := appendText(w, entry, depth+1); err != nil {
				return err
			}
		}
	case map[string]any:
		text, err := jsonText(value)
		if err != nil {
			return err
		}
		w.WriteString(text)
	case templateDrop:
		loaded := value.value.load()
		if loaded == nil {
			return value.value.fault()
		}
		return appendText(w, loaded, depth+1)
	default:
		return faultf(fmt.Sprintf("a value of type %T cannot be printed", value), "")
	}
	return nil
}

// formatFloat prints the result of a calculation with at most 15 digits, where 0.1 + 0.2 is 0.3, and never with an
// exponent.
func formatFloat(f float64) string {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return "0"
	}
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(f, 'g', 15, 64), 64)
	if err != nil {
		rounded = f
	}
	return strconv.FormatFloat(rounded, 'f', -1, 64)
}
