package lifecycle

import (
	"encoding/json"
	"strconv"
	"strings"
)

// maxPostalAddress bounds what goes to a connector, in bytes; no window of an envelope holds half of it.
const maxPostalAddress = 2000

// postalFields are the fields of the trait address, as Segment names them, in the order in which they are handed on.
var postalFields = []string{"street", "postalCode", "city", "state", "country"}

// postalAddress is the trait address with the customer's name, as a JSON object of name, company and postalFields. Without
// a name, a street or a city no letter arrives; whether one needs a postal code depends on the country, which the
// connector knows.
func (c *Customer) postalAddress() (address, problem string) {
	trait := c.Trait("address")
	if trait == nil {
		return "", BecauseNoAddress
	}
	fields, ok := trait.(map[string]any)
	if !ok {
		return "", BecauseBadAddress
	}
	var b strings.Builder
	written := map[string]bool{}
	write := func(name string, value any) {
		text := ""
		switch value := value.(type) {
		case string:
			text = strings.TrimSpace(value)
		case float64: // a postal code
			text = strconv.FormatFloat(value, 'f', -1, 64)
		}
		if text == "" {
			return
		}
		quoted, err := json.Marshal(text)
		if err != nil {
			return
		}
		b.WriteString(map[bool]string{true: `,"`, false: `{"`}[b.Len() > 0] + name + `":`)
		b.Write(quoted)
		written[name] = true
	}
	write("name", c.FullName())
	write("company", c.company())
	for _, name := range postalFields {
		write(name, fields[name])
	}
	switch {
	case !written["name"] && !written["company"], !written["street"], !written["city"]:
		return "", BecauseIncomplete
	case b.Len() >= maxPostalAddress:
		return "", BecauseBadAddress
	}
	return b.String() + "}", ""
}

// FullName is the trait name, or the first and the last name; "" if nothing of it is known.
func (c *Customer) FullName() string {
	text := func(names ...string) string {
		for _, name := range names {
			if value, _ := c.Trait(name).(string); strings.TrimSpace(value) != "" {
				return strings.TrimSpace(value)
			}
		}
		return ""
	}
	if name := text("name"); name != "" {
		return name
	}
	return strings.TrimSpace(text("first_name", "firstName") + " " + text("last_name", "lastName"))
}

// company is the trait company: a name, or an object that has one.
func (c *Customer) company() any {
	if object, ok := c.Trait("company").(map[string]any); ok {
		return object["name"]
	}
	return c.Trait("company")
}
