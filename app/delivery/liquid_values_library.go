package delivery

import (
	"math"
	"strings"

	"github.com/osteele/liquid/values"
)

// PropertyValue is the library's customer.email.
func (v *templateValue) PropertyValue(key values.Value) values.Value { return v.IndexValue(key) }

// IndexValue is the library's event.properties["Order ID"] and items[0].
func (v *templateValue) IndexValue(key values.Value) values.Value {
	v.run.mustSpend(1)
	switch key := values.ToLiquid(key.Interface()).(type) {
	case string:
		return v.lookup(key)
	case int:
		return v.entry(key)
	case int64:
		return v.entry(int(key))
	case float64:
		if math.Abs(key) < 1e9 {
			return v.entry(int(key))
		}
	}
	return v.missing("[?]")
}

// Interface returns a plain value for text and truth values, and itself in a templateDrop for everything else.
func (v *templateValue) Interface() any {
	switch v.kind {
	case plainKind:
		switch v.plain.(type) {
		case string, bool, int, float64, templateNumber, templateSafe:
			return v.plain
		}
	case jsonKind:
		if !v.isList() && !v.isObject() {
			switch value := v.load().(type) {
			case string, bool, templateNumber:
				return value
			}
		}
	}
	return templateDrop{v}
}

// Int is what the library wants of the ends of a range.
func (v *templateValue) Int() int {
	switch value := values.ToLiquid(v.load()).(type) {
	case int:
		return value
	case int64:
		return int(value)
	case float64:
		if value == math.Trunc(value) && math.Abs(value) < 1e9 {
			return int(value)
		}
	case nil:
		v.run.stop(v.fault())
	}
	v.run.stop(faultf(v.path()+" is not a whole number, which the end of a range must be", ""))
	return 0
}

// Test is what an if asks.
func (v *templateValue) Test() bool { return truth(v.Interface()) }

// Equal compares by value; a number equals its number whatever way it is written, as a text too.
func (v *templateValue) Equal(other values.Value) bool {
	if o, ok := other.(*templateValue); ok {
		if o.kind == blankKind {
			return v.blank()
		}
		if v.kind == blankKind {
			return o.blank()
		}
	}
	v.charge()
	return equalValues(v.Interface(), other.Interface())
}

// Less compares numbers and text.
func (v *templateValue) Less(other values.Value) bool {
	v.charge()
	return lessValues(v.Interface(), other.Interface())
}

// Contains looks for text in text, an entry in a list, or a name in an object.
func (v *templateValue) Contains(other values.Value) bool {
	v.charge()
	wanted := other.Interface()
	switch value := v.load().(type) {
	case string:
		text, err := textOf(wanted)
		return err == nil && strings.Contains(value, text)
	case templateSafe:
		text, err := textOf(wanted)
		return err == nil && strings.Contains(string(value), text)
	case []any:
		for _, entry := range value {
			if equalValues(entry, wanted) {
				return true
			}
		}
	case map[string]any:
		name, ok := wanted.(string)
		_, found := value[name]
		return ok && found
	}
	return false
}

func (v *templateValue) blank() bool {
	switch value := v.load().(type) {
	case nil:
		return v.kind == missingKind
	case string:
		return strings.TrimSpace(value) == ""
	case templateSafe:
		return strings.TrimSpace(string(value)) == ""
	case []any:
		return len(value) == 0
	case map[string]any:
		return len(value) == 0
	case bool:
		return !value
	}
	return false
}

// charge pays for looking through the whole value.
func (v *templateValue) charge() { v.run.mustSpend(1 + sizeOf(v.load())/bytesPerStep) }
