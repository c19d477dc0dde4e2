package channels

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"stagecraft/app/lifecycle"
)

// schemaName is where a connector's schema stands for the library; nothing is read from there.
const schemaName = "stagecraft:settings"

// CheckSettings holds settings to the JSON Schema (2020-12) of a connector. The error has the code Invalid, and Field names the
// setting, as group.name; its words quote no value, for it may be a secret. A schema that cannot be read holds nothing
// back: the connector looks at its settings itself.
func CheckSettings(schema, settings json.RawMessage) error {
	compiled := compileSchema(schema)
	if compiled == nil {
		return nil
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(settings))
	if err != nil {
		return lifecycle.Errorf(lifecycle.Invalid, "the settings are no JSON")
	}
	var wrong *jsonschema.ValidationError
	if !errors.As(compiled.Validate(value), &wrong) {
		return nil
	}
	for len(wrong.Causes) > 0 {
		wrong = wrong.Causes[0]
	}
	field, words := misfit(wrong)
	failure := lifecycle.Errorf(lifecycle.Invalid, "%s", words)
	failure.Field = field
	return failure
}

func compileSchema(schema json.RawMessage) *jsonschema.Schema {
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		return nil
	}
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	compiler.UseLoader(noLoader{})
	if compiler.AddResource(schemaName, document) != nil {
		return nil
	}
	compiled, err := compiler.Compile(schemaName)
	if err != nil {
		return nil
	}
	return compiled
}

// noLoader reads nothing: a schema of others must not have us open files or addresses.
type noLoader struct{}

func (noLoader) Load(url string) (any, error) {
	return nil, fmt.Errorf("%s is not read: a schema of settings has to hold all of itself", url)
}

// misfit says what is wrong, and with which setting.
func misfit(e *jsonschema.ValidationError) (field, words string) {
	field = strings.Join(e.InstanceLocation, ".")
	within := func(name string) string {
		if field == "" {
			return name
		}
		return field + "." + name
	}
	must := func(format string, values ...any) (string, string) {
		name := field
		if name == "" {
			name = "the settings"
		}
		return field, name + " must " + fmt.Sprintf(format, values...)
	}
	switch k := e.ErrorKind.(type) {
	case *kind.Required:
		name := within(k.Missing[0])
		return name, name + " is missing"
	case *kind.AdditionalProperties:
		name := within(k.Properties[0])
		return name, fmt.Sprintf("there is no setting %.80q; the connector's schema lists them", name)
	case *kind.Type:
		return must("be of type %s, not %s", strings.Join(k.Want, " or "), k.Got)
	case *kind.Enum:
		return must("be one of %s", listed(k.Want))
	case *kind.Const:
		return must("be %s", listed([]any{k.Want}))
	case *kind.Minimum:
		return must("be %s at least", number(k.Want))
	case *kind.Maximum:
		return must("be %s at most", number(k.Want))
	case *kind.ExclusiveMinimum:
		return must("be more than %s", number(k.Want))
	case *kind.ExclusiveMaximum:
		return must("be less than %s", number(k.Want))
	case *kind.MinLength:
		return must("have %d characters at least", k.Want)
	case *kind.MaxLength:
		return must("have %d characters at most", k.Want)
	case *kind.MinItems:
		return must("have %d entries at least", k.Want)
	case *kind.MaxItems:
		return must("have %d entries at most", k.Want)
	case *kind.MinProperties:
		return must("hold %d of its settings at least", k.Want)
	case *kind.Pattern:
		return must("match %s", k.Want)
	}
	return must("be as the connector's schema says (%s)", strings.Join(e.ErrorKind.KeywordPath(), "."))
}

func listed(values []any) string {
	words := make([]string, len(values))
	for i, value := range values {
		text, err := json.Marshal(value)
		if words[i] = string(text); err != nil {
			words[i] = fmt.Sprint(value)
		}
	}
	return strings.Join(words, ", ")
}

func number(value *big.Rat) string {
	if value.IsInt() {
		return value.Num().String()
	}
	text, _ := value.Float64()
	return fmt.Sprint(text)
}
