package social

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A message that is made from an approved template says so in Message.Data:
//
//	template     its name (WhatsApp) or number (ZNS)
//	language     of the template, such as vi or en_US (WhatsApp)
//	body.1       the first variable of its text; or, where variables have names, body.NAME
//	header.1     the same of its heading; header.image, header.video and header.document are URLs
//	button.0     what completes the URL of its first button (WhatsApp)

// variables returns those of a part, as they are named after its dot.
func variables(data map[string]string, part string) (names []string) {
	for key := range data {
		if name, ok := strings.CutPrefix(key, part+"."); ok && name != "" {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		x, errX := strconv.Atoi(a)
		y, errY := strconv.Atoi(b)
		if errX == nil && errY == nil {
			return x - y
		}
		return strings.Compare(a, b)
	})
	return names
}

// whatsappTemplate is the template object of a message (Cloud API reference, template object).
func whatsappTemplate(data map[string]string, language string) (map[string]any, error) {
	if data["language"] != "" {
		language = data["language"]
	}
	var components []any
	for _, part := range []string{"header", "body"} {
		parameters, err := whatsappParameters(data, part)
		if err != nil {
			return nil, err
		}
		if len(parameters) > 0 {
			components = append(components, map[string]any{"type": part, "parameters": parameters})
		}
	}
	for _, index := range variables(data, "button") {
		if n, err := strconv.Atoi(index); err != nil || n < 0 || n > 9 {
			return nil, fmt.Errorf("button.%s is not the number of a button; write button.0 to button.9", index)
		}
		components = append(components, map[string]any{"type": "button", "sub_type": "url", "index": index,
			"parameters": []any{map[string]any{"type": "text", "text": data["button."+index]}}})
	}
	template := map[string]any{"name": data["template"], "language": map[string]any{"code": language}}
	if len(components) > 0 {
		template["components"] = components
	}
	return template, nil
}

func whatsappParameters(data map[string]string, part string) (parameters []any, err error) {
	numbered, named := 0, 0
	for _, name := range variables(data, part) {
		value := data[part+"."+name]
		if part == "header" && (name == "image" || name == "video" || name == "document") {
			parameters = append(parameters, map[string]any{"type": name, name: map[string]any{"link": value}})
			continue
		}
		if value == "" { // WhatsApp refuses it with a less helpful sentence
			return nil, fmt.Errorf("%s.%s is empty; WhatsApp wants a value for every variable of a template", part, name)
		}
		parameter := map[string]any{"type": "text", "text": value}
		if n, err := strconv.Atoi(name); err != nil {
			parameter["parameter_name"] = name
			named++
		} else if numbered++; n != numbered {
			return nil, fmt.Errorf("%s.%d is missing; the variables of a template are numbered from 1 without a gap", part, numbered)
		}
		parameters = append(parameters, parameter)
	}
	if numbered > 0 && named > 0 {
		return nil, errors.New(part + " mixes numbered and named variables; a template has one kind")
	}
	return parameters, nil
}
