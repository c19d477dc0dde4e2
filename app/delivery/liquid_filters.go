package delivery

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/osteele/liquid/filters"
	"github.com/osteele/liquid/values"
	"github.com/osteele/tuesday"
)

// templateFilter applies a filter. args[0] is what stands before the bar; a missing one reaches only default.
type templateFilter func(r *templateRun, args []any, named map[string]any) (any, error)

// filterCollector receives the library's filters.
type filterCollector map[string]any

func (c filterCollector) AddFilter(name string, filter any) { c[name] = filter }

// templateFilters returns the filters there are. Those of the library that only handle text or lists are taken as
// they are, within bounds; those that calculate, escape or read the clock are ours.
func templateFilters() map[string]templateFilter {
	library := filterCollector{}
	filters.AddStandardFilters(library)
	all := map[string]templateFilter{
		"default": defaultFilter, "raw": rawFilter, "escape": escapeFilter, "escape_once": escapeFilter,
		"newline_to_br": breakFilter, "json": jsonFilter, "date": dateFilter(),
		"join": joinFilter, "replace": replaceFilter(-1), "replace_first": replaceFilter(1), "uniq": uniqFilter, "sum": sumFilter,
		"plus": calculate(add), "minus": calculate(subtract), "times": calculate(multiply),
		"divided_by": calculate(divide), "modulo": calculate(modulo),
		"at_least": calculate(largest), "at_most": calculate(smallest),
		"abs": calculateOne(math.Abs), "ceil": calculateOne(math.Ceil), "floor": calculateOne(math.Floor),
		"round": roundFilter, "decimals": decimalsFilter,
	}
	for _, name := range []string{
		"append", "prepend", "capitalize", "downcase", "upcase", "strip", "lstrip", "rstrip", "strip_html", "strip_newlines",
		"remove", "remove_first", "remove_last", "replace_last", "truncate", "truncatewords", "slice", "split", "handleize",
		"pluralize", "url_encode", "url_decode", "size", "first", "last", "compact", "concat", "map", "reverse", "sort",
		"sort_natural", "where",
	} {
		if filter, ok := library[name]; ok {
			all[name] = fromLibrary(filter)
		}
	}
	return all
}

// applyFilter checks what goes in and what comes out. A missing value passes through, so that a default behind can
// still catch it; a missing argument is an error.
func (r *templateRun) applyFilter(call *templateFilterCall, args []any, named map[string]any) (result any, err error) {
	defer func() {
		if failure := recover(); failure != nil {
			if r.fault != nil {
				result, err, r.fault = nil, r.fault, nil
				return
			}
			result, err = nil, faultf(fmt.Sprintf("filter %s cannot do this: %s", call.name, shorten(fmt.Sprint(failure))), "look at its values")
		}
	}()
	if call.name != "default" {
		if args[0] == nil || isMissing(args[0]) {
			return args[0], nil
		}
		if len(named) > 0 {
			return nil, faultf("filter "+call.name+" takes no named values", "")
		}
		for i, arg := range args {
			if i > 0 && isMissing(arg) {
				return nil, arg.(templateDrop).value.fault()
			}
			if args[i], err = r.taken(arg); err != nil {
				return nil, err
			}
		}
	}
	result, err = call.apply(r, args, named)
	if err != nil {
		if _, ok := err.(*templateFault); !ok {
			err = faultf(fmt.Sprintf("filter %s cannot do this: %s", call.name, shorten(err.Error())), "look at its values")
		}
		return nil, err
	}
	if list, ok := result.([]any); ok && len(list) > maxTemplateList {
		return nil, errListTooLong()
	}
	size := sizeOf(result)
	if isLong(result) {
		return nil, errOutputTooLarge()
	}
	if err := r.spend(size / bytesPerStep); err != nil {
		return nil, err
	}
	switch result.(type) {
	case nil, string, bool, int, float64, templateNumber, templateSafe, templateDrop:
		return result, nil
	}
	// lists and the like go on as values, so that the library never sees their Go types
	return templateDrop{&templateValue{run: r, name: shorten(call.name + " …"), kind: plainKind, plain: result}}, nil
}

func isLong(value any) bool {
	switch value := value.(type) {
	case string:
		return len(value) > MaxTemplateOutput
	case templateSafe:
		return len(value) > MaxTemplateOutput
	}
	return false
}

func errListTooLong() error {
	return tooLarge("a list has more than "+strconv.Itoa(maxTemplateList)+" entries", "take a part of it")
}

func isMissing(value any) bool {
	drop, ok := value.(templateDrop)
	return ok && drop.value.load() == nil
}

// taken makes an argument plain and pays for its size.
func (r *templateRun) taken(value any) (any, error) {
	if drop, ok := value.(templateDrop); ok {
		value = drop.value.load()
	}
	switch v := value.(type) {
	case values.Range:
		entries, err := rangeEntries(v)
		if err != nil {
			return nil, err
		}
		value = entries
	case templateSafe:
		value = string(v)
	case []any:
		if len(v) > maxTemplateList {
			return nil, errListTooLong()
		}
	}
	return value, r.spend(1 + sizeOf(value)/bytesPerStep)
}

// fromLibrary adapts a filter of the library: numbers become text where it wants text, and Go numbers elsewhere.
func fromLibrary(filter any) templateFilter {
	function := reflect.ValueOf(filter)
	signature := function.Type()
	return func(_ *templateRun, args []any, _ map[string]any) (any, error) {
		if len(args) > signature.NumIn() {
			return nil, fmt.Errorf("it takes %d values, not %d", signature.NumIn()-1, len(args)-1)
		}
		for i := range args {
			wanted := signature.In(i)
			if wanted.Kind() == reflect.Func {
				wanted = wanted.Out(0)
			}
			switch arg := args[i].(type) {
			case templateNumber, float64, time.Time, []any, map[string]any:
				if wanted.Kind() == reflect.String {
					text, err := textOf(arg)
					if err != nil {
						return nil, err
					}
					args[i] = text
				} else if number, ok := arg.(templateNumber); ok {
					args[i] = number.ToLiquid()
				}
			}
		}
		result, err := values.Call(function, args)
		if err != nil {
			return nil, err
		}
		switch result := result.(type) {
		case []string:
			list := make([]any, len(result))
			for i := range result {
				list[i] = result[i]
			}
			return list, nil
		case []byte:
			return string(result), nil
		case int64:
			return int(result), nil
		}
		return result, nil
	}
}

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

// rawFilter lets text pass as HTML.
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

// breakFilter turns line breaks into <br>, in HTML only.
func breakFilter(r *templateRun, args []any, _ map[string]any) (any, error) {
	text, err := textOf(args[0])
	if err != nil || !r.html {
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

// dateFormats keeps compiled formats, which cost more to read than to use.
type dateFormats struct {
	mu    sync.Mutex
	known map[string]*tuesday.Formatter
}

func (d *dateFormats) formatter(format string) (*tuesday.Formatter, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if formatter, ok := d.known[format]; ok {
		return formatter, nil
	}
	formatter, err := tuesday.Compile(format)
	if err != nil {
		return nil, err
	}
	if len(d.known) >= 100 { // formats made of data must not fill the memory
		clear(d.known)
	}
	d.known[format] = formatter
	return formatter, nil
}

// dateFilter formats a moment as strftime does. What has no zone is UTC.
func dateFilter() templateFilter {
	formats := &dateFormats{known: map[string]*tuesday.Formatter{}}
	return func(r *templateRun, args []any, _ map[string]any) (any, error) {
		moment, err := r.momentOf(args[0])
		if err != nil {
			return nil, err
		}
		format := "%Y-%m-%d"
		if len(args) > 1 {
			format, _ = args[1].(string)
		}
		if len(format) > 200 || len(args) > 2 || wideField(format) {
			return nil, faultf("the format of a date cannot be used", `write it like | date: "%d.%m.%Y"`)
		}
		formatter, err := formats.formatter(format)
		if err != nil {
			return nil, err
		}
		return formatter.Format(moment), nil
	}
}

// wideField reports whether a format asks for a width of more than two digits.
func wideField(format string) bool {
	digits, inField := 0, false
	for _, c := range format {
		switch {
		case c == '%':
			digits, inField = 0, true
		case inField && c >= '0' && c <= '9':
			if digits++; digits > 2 {
				return true
			}
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
			inField = false
		}
	}
	return false
}

func (r *templateRun) momentOf(value any) (time.Time, error) {
	switch value := values.ToLiquid(value).(type) {
	case time.Time:
		return value, nil
	case int:
		return time.Unix(int64(value), 0).UTC(), nil
	case float64:
		if math.Abs(value) < 1e15 {
			return time.Unix(int64(value), 0).UTC(), nil
		}
	case string:
		text := strings.TrimSpace(value)
		if text == "now" || text == "today" {
			return r.clock()
		}
		for _, layout := range []string{
			time.RFC3339Nano, "2006-01-02", "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05 -0700",
			"2006-01-02 15:04:05", "2006-01-02 15:04", time.RFC1123Z, time.RFC1123, "2 January 2006", "2 Jan 2006",
			"January 2, 2006", "Jan 2, 2006",
		} {
			if moment, err := time.Parse(layout, text); err == nil {
				return moment, nil
			}
		}
		if seconds, err := strconv.ParseInt(text, 10, 64); err == nil && len(text) < 13 {
			return time.Unix(seconds, 0).UTC(), nil
		}
		return time.Time{}, faultf(fmt.Sprintf("%q is not a date", shorten(text)), "dates are written 2026-01-31 or 2026-01-31T09:00:00Z")
	}
	return time.Time{}, faultf("date needs a date", "")
}

// calculated is a number in a calculation. Whole numbers stay whole until a fraction comes in or they grow too big.
type calculated struct {
	whole bool
	i     int64
	f     float64
}

func (c calculated) float() float64 {
	if c.whole {
		return float64(c.i)
	}
	return c.f
}

func (c calculated) plain() any {
	if c.whole {
		return int(c.i)
	}
	return c.f
}

func numberOf(value any) (calculated, error) {
	if drop, ok := value.(templateDrop); ok {
		if isMissing(value) {
			return calculated{}, drop.value.fault()
		}
	}
	switch value := values.ToLiquid(value).(type) {
	case int:
		return calculated{whole: true, i: int64(value)}, nil
	case float64:
		return calculated{f: value}, nil
	case string:
		if number := templateNumber(strings.TrimSpace(value)); isJSONNumber(string(number)) {
			return numberOf(number)
		}
		return calculated{}, faultf(fmt.Sprintf("%q is not a number", shorten(value)), "")
	}
	return calculated{}, faultf("a number is needed here", "")
}

func calculate(operate func(a, b calculated) (calculated, error)) templateFilter {
	return func(_ *templateRun, args []any, _ map[string]any) (any, error) {
		if len(args) != 2 {
			return nil, faultf("a calculation takes one value", "write it like | times: 2")
		}
		a, err := numberOf(args[0])
		if err != nil {
			return nil, err
		}
		b, err := numberOf(args[1])
		if err != nil {
			return nil, err
		}
		result, err := operate(a, b)
		if err != nil {
			return nil, err
		}
		return result.plain(), nil
	}
}

func calculateOne(operate func(float64) float64) templateFilter {
	return func(_ *templateRun, args []any, _ map[string]any) (any, error) {
		a, err := numberOf(args[0])
		if err != nil {
			return nil, err
		}
		return wholeIf(operate(a.float())), nil
	}
}

// wholeIf returns an int for a number without a fraction.
func wholeIf(f float64) any {
	if f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		return int(f)
	}
	return f
}

// exact keeps a whole result if it fits.
func exact(a, b calculated, i int64, f float64) (calculated, error) {
	if a.whole && b.whole && math.Abs(f) < 1<<62 {
		return calculated{whole: true, i: i}, nil
	}
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return calculated{}, faultf("the result of a calculation is too big", "")
	}
	return calculated{f: f}, nil
}

func add(a, b calculated) (calculated, error)      { return exact(a, b, a.i+b.i, a.float()+b.float()) }
func subtract(a, b calculated) (calculated, error) { return exact(a, b, a.i-b.i, a.float()-b.float()) }
func multiply(a, b calculated) (calculated, error) { return exact(a, b, a.i*b.i, a.float()*b.float()) }

// divide rounds down if both numbers are whole, as Liquid does.
func divide(a, b calculated) (calculated, error) {
	if b.float() == 0 {
		return calculated{}, faultf("a division by zero", "ask with {% if %} first")
	}
	if a.whole && b.whole && b.i != -1 {
		quotient := a.i / b.i
		if a.i%b.i != 0 && (a.i < 0) != (b.i < 0) {
			quotient--
		}
		return calculated{whole: true, i: quotient}, nil
	}
	return exact(a, b, -a.i, a.float()/b.float())
}

func modulo(a, b calculated) (calculated, error) {
	if b.float() == 0 {
		return calculated{}, faultf("a division by zero", "ask with {% if %} first")
	}
	if a.whole && b.whole {
		if b.i == -1 {
			return calculated{whole: true}, nil
		}
		rest := a.i % b.i
		if rest != 0 && (rest < 0) != (b.i < 0) {
			rest += b.i
		}
		return calculated{whole: true, i: rest}, nil
	}
	return exact(a, b, 0, math.Mod(a.float(), b.float()))
}

func largest(a, b calculated) (calculated, error) {
	if a.float() < b.float() {
		return b, nil
	}
	return a, nil
}

func smallest(a, b calculated) (calculated, error) {
	if a.float() > b.float() {
		return b, nil
	}
	return a, nil
}

// places reads how many digits behind the point are wanted: 0 to 12.
func places(args []any) (int, error) {
	if len(args) < 2 {
		return 0, nil
	}
	number, err := numberOf(args[1])
	if err != nil {
		return 0, err
	}
	if number.float() < 0 || number.float() > 12 {
		return 0, faultf("a number can have 0 to 12 digits behind its point", "")
	}
	return int(number.float()), nil
}

func roundFilter(_ *templateRun, args []any, _ map[string]any) (any, error) {
	number, err := numberOf(args[0])
	if err != nil {
		return nil, err
	}
	digits, err := places(args)
	if err != nil {
		return nil, err
	}
	if number.whole {
		return number.plain(), nil
	}
	scale := math.Pow10(digits)
	rounded := math.Round(number.f*scale) / scale
	if math.IsInf(rounded, 0) || math.IsNaN(rounded) {
		return number.f, nil
	}
	return wholeIf(rounded), nil
}

// decimalsFilter prints a number with a fixed count of digits behind the point: 12.5 | decimals: 2 is 12.50.
func decimalsFilter(_ *templateRun, args []any, _ map[string]any) (any, error) {
	number, err := numberOf(args[0])
	if err != nil {
		return nil, err
	}
	digits, err := places(args)
	if err != nil {
		return nil, err
	}
	scale := math.Pow10(digits)
	if rounded := math.Round(number.float()*scale) / scale; !math.IsInf(rounded, 0) {
		return strconv.FormatFloat(rounded, 'f', digits, 64), nil
	}
	return strconv.FormatFloat(number.float(), 'f', digits, 64), nil
}
