package web

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"
	"go.yaml.in/yaml/v3"

	"stagecraft/app/lifecycle"
	"stagecraft/docs"
)

// described knows which query parameters each call of the API takes, as its description says: by method, with the parts of
// each path.
type described map[string][]describedCall

type describedCall struct {
	parts      []string // of the path; those that begin with { are whatever stands there
	parameters []string
}

// readDescribed reads the description of the API. It takes some milliseconds.
func readDescribed() (described, error) {
	type parameter struct {
		Ref  string `yaml:"$ref"`
		Name string `yaml:"name"`
		In   string `yaml:"in"`
	}
	var spec struct {
		Paths      map[string]map[string]yaml.Node `yaml:"paths"`
		Components struct {
			Parameters map[string]parameter `yaml:"parameters"`
		} `yaml:"components"`
	}
	if err := yaml.Unmarshal(docs.OpenAPI(), &spec); err != nil {
		return nil, lifecycle.Wrap(lifecycle.Internal, err, "the description of the API cannot be read")
	}
	all := described{}
	for path, methods := range spec.Paths {
		var shared []parameter
		node := methods["parameters"]
		if err := node.Decode(&shared); err != nil && !node.IsZero() {
			return nil, lifecycle.Wrap(lifecycle.Internal, err, "the parameters of %s cannot be read", path)
		}
		for method, node := range methods {
			var operation struct {
				Parameters []parameter `yaml:"parameters"`
			}
			if method == "parameters" {
				continue
			}
			if err := node.Decode(&operation); err != nil {
				return nil, lifecycle.Wrap(lifecycle.Internal, err, "the parameters of %s %s cannot be read", method, path)
			}
			call := describedCall{parts: strings.Split(path, "/")}
			for _, p := range append(operation.Parameters, shared...) {
				if p.Ref != "" {
					p = spec.Components.Parameters[p.Ref[strings.LastIndexByte(p.Ref, '/')+1:]]
				}
				if p.In == "query" {
					call.parameters = append(call.parameters, p.Name)
				}
			}
			all[strings.ToUpper(method)] = append(all[strings.ToUpper(method)], call)
		}
	}
	return all, nil
}

// find returns the call of a path; nil if none is described. What says more of it in so many words comes first.
func (d described) find(method, path string) (found *describedCall) {
	asked, most := strings.Split(strings.TrimSuffix(path, "/"), "/"), -1
	for i := range d[method] {
		call := &d[method][i]
		last := call.parts[len(call.parts)-1]
		if rest := last == "{file}" || last == "{rest}"; len(call.parts) != len(asked) && !(rest && len(asked) > len(call.parts)) {
			continue
		}
		words, fits := 0, true
		for at, part := range call.parts {
			if strings.HasPrefix(part, "{") {
				continue
			}
			words++
			fits = fits && part == asked[at]
		}
		if fits && words > most {
			found, most = call, words
		}
	}
	return found
}

// checkQuery refuses a parameter that the call does not know: what it was meant to say would go unheard, as a filter of a list
// that comes back whole. Pages and what Prometheus asks are no calls of the API, and may have any.
func (s *Server) checkQuery(c *fiber.Ctx) error {
	args := c.Request().URI().QueryArgs()
	path := c.Path()
	if args.Len() == 0 || !strings.HasPrefix(path, "/v1/") && !strings.HasPrefix(path, "/api/") {
		return nil
	}
	calls, err := s.queries()
	if err != nil {
		return err
	}
	method := c.Method()
	if method == fiber.MethodHead {
		method = fiber.MethodGet
	}
	call := calls.find(method, path)
	if call == nil {
		return nil // there is no such call, or it is a page
	}
	var unknown string
	args.VisitAll(func(name, _ []byte) {
		if unknown == "" && !slices.Contains(call.parameters, string(name)) {
			unknown = fmt.Sprintf("%.40s", name)
		}
	})
	if unknown == "" {
		return nil
	}
	wrong := &lifecycle.Error{Code: lifecycle.Invalid, Field: strings.ToValidUTF8(unknown, "?"),
		Message: fmt.Sprintf("%s %s has no parameter %.40q", method, strings.Join(call.parts, "/"), unknown)}
	if wrong.Hint = "it takes none"; len(call.parameters) > 0 {
		wrong.Hint = "it takes " + strings.Join(call.parameters, ", ")
	}
	return wrong
}
