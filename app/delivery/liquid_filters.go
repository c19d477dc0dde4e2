package delivery

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"time"

	"github.com/osteele/liquid/filters"
	"github.com/osteele/liquid/values"
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
