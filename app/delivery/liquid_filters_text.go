package delivery

import (
	"bytes"
	"encoding/json"
	"html"
	"slices"
	"strings"

	"github.com/osteele/liquid/values"
)

// defaultFilter stands in for what is missing, false or empty.
func defaultFilter(_ *templateRun, args []any, named map[string]any) (any, error) {
	if len(args) != 2 {
		return nil, faultf("default takes one value", `write | default: "…"`)
	}
	value := args[0]
	if drop, ok := value.(templateDrop); ok {
		value = values.ToLiquid(drop.value.load())
	}
	if safe, ok := value.(templateSafe); ok {
		value = string(safe)
	}
	if value == nil || values.IsEmpty(value) && !(value == false && truth(named["allow_false"])) {
		return args[1], nil
	}
	return args[0], nil
}

// rawFilter lets text pass as HTML, or as the Markdown of letters.
func rawFilter(_ *templateRun, args []any, _ map[string]any) (any, error) {
	text, err := textOf(args[0])
	return templateSafe(text), err
}

// escapeFilter escapes text for HTML; where outputs are escaped anyway this does not happen twice.
func escapeFilter(r *templateRun, args []any, _ map[string]any) (any, error) {
	text, err := textOf(args[0])
	if err != nil {
		return nil, err
	}
	escaped := html.EscapeString(text)
	if r.html {
		return templateSafe(escaped), nil
	}
	return escaped, nil
}

// breakFilter turns line breaks into <br> in HTML, and into those that stay in letters.
func breakFilter(r *templateRun, args []any, _ map[string]any) (any, error) {
	text, err := textOf(args[0])
	switch {
	case err == nil && r.letter:
		return templateSafe(letterLines(text)), nil
	case err != nil || !r.html:
		return text, err
	}
	text = strings.ReplaceAll(html.EscapeString(text), "\r\n", "\n")
	return templateSafe(strings.ReplaceAll(text, "\n", "<br>\n")), nil
}

func jsonFilter(_ *templateRun, args []any, _ map[string]any) (any, error) { return jsonText(args[0]) }

// jsonText writes a value as JSON, with names in order.
func jsonText(value any) (string, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return "", err
	}
	return strings.TrimSuffix(text.String(), "\n"), nil
}

func joinFilter(_ *templateRun, args []any, _ map[string]any) (any, error) {
	list, ok := args[0].([]any)
	if !ok {
		return args[0], nil
	}
	separator := " "
	if len(args) > 1 {
		text, err := textOf(args[1])
		if err != nil {
			return nil, err
		}
		separator = text
	}
	var joined strings.Builder
	started := false
	for _, entry := range list {
		if entry == nil {
			continue
		}
		if started {
			joined.WriteString(separator)
		}
		started = true
		if err := appendText(&joined, entry, 0); err != nil {
			return nil, err
		}
	}
	return joined.String(), nil
}

// replaceFilter replaces the first n occurrences, or all if n is negative. How long the result gets is known before
// it is made.
func replaceFilter(n int) templateFilter {
	return func(_ *templateRun, args []any, _ map[string]any) (any, error) {
		if len(args) < 2 || len(args) > 3 {
			return nil, faultf("replace takes two values", `write | replace: "old", "new"`)
		}
		texts := make([]string, 3)
		for i, arg := range args {
			text, err := textOf(arg)
			if err != nil {
				return nil, err
			}
			texts[i] = text
		}
		if texts[1] == "" {
			return texts[0], nil
		}
		count := strings.Count(texts[0], texts[1])
		if n >= 0 {
			count = min(count, n)
		}
		if len(texts[0])+count*(len(texts[2])-len(texts[1])) > MaxTemplateOutput {
			return nil, errOutputTooLarge()
		}
		return strings.Replace(texts[0], texts[1], texts[2], n), nil
	}
}

// uniqFilter keeps the first of equal entries; structured ones are equal if their JSON is.
func uniqFilter(_ *templateRun, args []any, _ map[string]any) (any, error) {
	list, ok := args[0].([]any)
	if !ok {
		return args[0], nil
	}
	seen := map[string]bool{}
	return slices.DeleteFunc(slices.Clone(list), func(entry any) bool {
		text, err := jsonText(values.ToLiquid(entry))
		if err != nil || seen[text] {
			return true
		}
		seen[text] = true
		return false
	}), nil
}

func sumFilter(_ *templateRun, args []any, _ map[string]any) (any, error) {
	list, ok := args[0].([]any)
	if !ok {
		return nil, faultf("sum needs a list", "")
	}
	total := calculated{whole: true}
	for _, entry := range list {
		if len(args) > 1 {
			name, _ := args[1].(string)
			object, _ := entry.(map[string]any)
			entry = object[name]
		}
		if entry == nil {
			continue
		}
		number, err := numberOf(entry)
		if err != nil {
			return nil, err
		}
		if total, err = add(total, number); err != nil {
			return nil, err
		}
	}
	return total.plain(), nil
}
