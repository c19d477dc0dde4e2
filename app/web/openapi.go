package web

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"slices"
	"strings"
	"sync"

	"github.com/gofiber/fiber/v2"
	"go.yaml.in/yaml/v3"

	"stagecraft/app/lifecycle"
	"stagecraft/docs"
)

//go:embed openapi.html
var openAPIPage string

// routeDocs serves the description of the API to everybody: as it is written, and as a page that needs nothing from
// elsewhere. It tells nothing of anybody.
func (s *Server) routeDocs() {
	page := sync.OnceValues(renderOpenAPI) // it takes some milliseconds, and few look
	s.fiber.Get("/api/docs", func(c *fiber.Ctx) error {
		html, err := page()
		if err != nil {
			return err
		}
		protectPage(c)
		c.Set(fiber.HeaderContentType, fiber.MIMETextHTMLCharsetUTF8)
		return c.Send(html)
	})
	s.fiber.Get("/api/docs/openapi.yaml", func(c *fiber.Ctx) error {
		c.Set(fiber.HeaderContentType, "application/yaml; charset=utf-8")
		c.Set(fiber.HeaderAccessControlAllowOrigin, "*")
		return c.Send(docs.OpenAPI())
	})
}

// What the page shows of the description. Maps whose order counts are read as nodes.
type (
	apiSpec struct {
		Info struct {
			Title       string `yaml:"title"`
			Description string `yaml:"description"`
		} `yaml:"info"`
		Tags []struct {
			Name        string `yaml:"name"`
			Description string `yaml:"description"`
		} `yaml:"tags"`
		Paths      yaml.Node `yaml:"paths"`
		Components struct {
			Schemas    yaml.Node               `yaml:"schemas"`
			Parameters map[string]apiParameter `yaml:"parameters"`
			Responses  map[string]apiResponse  `yaml:"responses"`
		} `yaml:"components"`
	}
	apiOperation struct {
		Tags        []string       `yaml:"tags"`
		Summary     string         `yaml:"summary"`
		Description string         `yaml:"description"`
		Scopes      string         `yaml:"x-scopes"`
		Parameters  []apiParameter `yaml:"parameters"`
		RequestBody struct {
			Content apiContent `yaml:"content"`
		} `yaml:"requestBody"`
		Responses map[string]apiResponse `yaml:"responses"`
	}
	apiParameter struct {
		Ref         string    `yaml:"$ref"`
		Name        string    `yaml:"name"`
		In          string    `yaml:"in"`
		Required    bool      `yaml:"required"`
		Description string    `yaml:"description"`
		Schema      yaml.Node `yaml:"schema"`
	}
	apiResponse struct {
		Ref         string     `yaml:"$ref"`
		Description string     `yaml:"description"`
		Content     apiContent `yaml:"content"`
	}
	apiContent map[string]struct {
		Schema yaml.Node `yaml:"schema"`
	}
)

// What the template gets.
type (
	docsPage struct {
		Title   string
		Intro   []template.HTML
		Groups  []docsGroup
		Schemas []docsSchema
		Errors  []docsError
	}
	docsGroup struct {
		ID, Name string
		About    []template.HTML
		Calls    []docsCall
	}
	docsCall struct {
		ID, Method, Path, Summary, Scopes string
		About                             []template.HTML
		Parameters                        []docsParameter
		Takes                             []docsBody
		Answers                           []docsBody
	}
	docsParameter struct {
		Name, In string
		Required bool
		Type     template.HTML
		About    []template.HTML
	}
	docsBody struct {
		Status, Media string
		About         []template.HTML
		Schema        template.HTML
	}
	docsSchema struct {
		Name   string
		Schema template.HTML
	}
	docsError struct {
		Code   lifecycle.Code
		Status int
		About  string
	}
)

var errorCodes = []docsError{
	{Code: lifecycle.Invalid, About: "What was sent is wrong; sending it again does not help. field says where."},
	{Code: lifecycle.ScriptFailed, About: "A script is broken; file and line say where."},
	{Code: lifecycle.Unauthorized, About: "There is no key, or none that is known here."},
	{Code: lifecycle.Forbidden, About: "The key is known, and may not do this."},
	{Code: lifecycle.NotFound, About: "There is no such thing."},
	{Code: lifecycle.Conflict, About: "It contradicts how things stand."},
	{Code: lifecycle.TooLarge, About: "It is over a limit."},
	{Code: lifecycle.Busy, About: "Too much at once; come again after the seconds of Retry-After."},
	{Code: lifecycle.Full, About: "The disk is nearly full; nothing is taken until there is room."},
	{Code: lifecycle.Unavailable, About: "The server is starting or stopping, or takes no events, as /readyz says; come again."},
	{Code: lifecycle.Internal, About: "It failed through no fault of yours; the server's log says why."},
}

// renderOpenAPI makes a page of the description.
func renderOpenAPI() ([]byte, error) {
	var spec apiSpec
	if err := yaml.Unmarshal(docs.OpenAPI(), &spec); err != nil {
		return nil, lifecycle.Wrap(lifecycle.Internal, err, "the description of the API cannot be read")
	}
	page := docsPage{Title: spec.Info.Title, Intro: paragraphs(spec.Info.Description)}
	place := map[string]int{}
	for i, tag := range spec.Tags {
		place[tag.Name] = i
		page.Groups = append(page.Groups, docsGroup{ID: strings.ReplaceAll(strings.ToLower(tag.Name), " ", "-"), Name: tag.Name, About: paragraphs(tag.Description)})
	}
	for path, item := range pairs(&spec.Paths) {
		var shared struct {
			Parameters []apiParameter `yaml:"parameters"`
		}
		if err := item.Decode(&shared); err != nil {
			return nil, lifecycle.Wrap(lifecycle.Internal, err, "%s in the description of the API cannot be read", path)
		}
		for method, node := range pairs(item) {
			if method == "parameters" || method == "summary" {
				continue
			}
			var op apiOperation
			if err := node.Decode(&op); err != nil {
				return nil, lifecycle.Wrap(lifecycle.Internal, err, "%s %s in the description of the API cannot be read", method, path)
			}
			op.Parameters = slices.Concat(shared.Parameters, op.Parameters)
			for _, tag := range op.Tags {
				group := &page.Groups[place[tag]]
				group.Calls = append(group.Calls, spec.call(method, path, &op))
			}
		}
	}
	for name, node := range pairs(&spec.Components.Schemas) {
		page.Schemas = append(page.Schemas, docsSchema{name, schemaHTML(node, 0)})
	}
	for _, e := range errorCodes {
		e.Status = status(e.Code)
		page.Errors = append(page.Errors, e)
	}
	parsed, err := template.New("openapi").Parse(openAPIPage)
	if err != nil {
		return nil, lifecycle.Wrap(lifecycle.Internal, err, "the page about the API cannot be read")
	}
	var out bytes.Buffer
	if err = parsed.Execute(&out, page); err != nil {
		return nil, lifecycle.Wrap(lifecycle.Internal, err, "the page about the API cannot be made")
	}
	return out.Bytes(), nil
}

func (spec *apiSpec) call(method, path string, op *apiOperation) docsCall {
	call := docsCall{ID: method + strings.NewReplacer("/", "-", "{", "", "}", "").Replace(path), Method: strings.ToUpper(method), Path: path,
		Summary: op.Summary, Scopes: op.Scopes, About: paragraphs(op.Description)}
	for _, p := range op.Parameters {
		if name, shared := strings.CutPrefix(p.Ref, "#/components/parameters/"); shared {
			p = spec.Components.Parameters[name]
		}
		call.Parameters = append(call.Parameters, docsParameter{p.Name, p.In, p.Required, schemaHTML(&p.Schema, 0), paragraphs(p.Description)})
	}
	call.Takes = bodiesOf("", "", op.RequestBody.Content)
	for _, code := range sortedKeys(op.Responses) {
		r := op.Responses[code]
		if name, shared := strings.CutPrefix(r.Ref, "#/components/responses/"); shared {
			r = spec.Components.Responses[name]
		}
		bodies := bodiesOf(code, r.Description, r.Content)
		if len(bodies) == 0 {
			bodies = []docsBody{{Status: code, About: paragraphs(r.Description)}}
		}
		call.Answers = append(call.Answers, bodies...)
	}
	return call
}

func bodiesOf(code, about string, content apiContent) (list []docsBody) {
	for _, media := range sortedKeys(content) {
		one := content[media]
		list = append(list, docsBody{code, media, paragraphs(about), schemaHTML(&one.Schema, 0)})
	}
	return list
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// pairs goes through a mapping in the order in which it is written.
func pairs(node *yaml.Node) func(yield func(string, *yaml.Node) bool) {
	return func(yield func(string, *yaml.Node) bool) {
		for i := 0; i+1 < len(node.Content); i += 2 {
			if !yield(node.Content[i].Value, node.Content[i+1]) {
				return
			}
		}
	}
}

// maxSchemaDepth is how deep schemas within schemas are shown.
const maxSchemaDepth = 6

// schemaHTML shows a schema: its type in words, and the fields of an object below.
func schemaHTML(node *yaml.Node, depth int) template.HTML {
	var schema struct {
		Ref         string      `yaml:"$ref"`
		Type        yaml.Node   `yaml:"type"`
		Format      string      `yaml:"format"`
		Description string      `yaml:"description"`
		Enum        []any       `yaml:"enum"`
		Const       any         `yaml:"const"`
		Default     any         `yaml:"default"`
		Example     any         `yaml:"example"`
		Items       yaml.Node   `yaml:"items"`
		Properties  yaml.Node   `yaml:"properties"`
		Additional  yaml.Node   `yaml:"additionalProperties"`
		Required    []string    `yaml:"required"`
		AllOf       []yaml.Node `yaml:"allOf"`
		AnyOf       []yaml.Node `yaml:"anyOf"`
		OneOf       []yaml.Node `yaml:"oneOf"`
	}
	if node == nil || node.Kind != yaml.MappingNode || node.Decode(&schema) != nil || depth > maxSchemaDepth {
		return "anything"
	}
	var out strings.Builder
	if name, ok := strings.CutPrefix(schema.Ref, "#/components/schemas/"); ok {
		fmt.Fprintf(&out, `<a href="#schema-%s">%s</a>`, name, name)
	}
	for i, one := range slices.Concat(schema.AllOf, schema.AnyOf, schema.OneOf) {
		if i > 0 {
			out.WriteString(map[bool]string{true: " and ", false: " or "}[len(schema.AllOf) > 0])
		}
		out.WriteString(string(schemaHTML(&one, depth+1)))
	}
	switch {
	case schema.Items.Kind != 0:
		out.WriteString("list of " + string(schemaHTML(&schema.Items, depth+1)))
	case schema.Type.Kind == yaml.SequenceNode:
		var types []string
		_ = schema.Type.Decode(&types)
		out.WriteString(template.HTMLEscapeString(strings.Join(types, " or ")))
	case schema.Type.Value != "" && !(schema.Type.Value == "object" && len(schema.Properties.Content) > 0):
		out.WriteString(template.HTMLEscapeString(schema.Type.Value))
	}
	if schema.Format != "" {
		out.WriteString(" (" + template.HTMLEscapeString(schema.Format) + ")")
	}
	if schema.Additional.Kind == yaml.MappingNode {
		out.WriteString(" of " + string(schemaHTML(&schema.Additional, depth+1)))
	}
	for i, value := range schema.Enum {
		out.WriteString(map[bool]string{true: ": ", false: ", "}[i == 0] + "<code>" + shown(value) + "</code>")
	}
	for i, value := range []any{schema.Const, schema.Default, schema.Example} {
		if value != nil {
			out.WriteString([]string{" always", " else", " as"}[i] + " <code>" + shown(value) + "</code>")
		}
	}
	if schema.Description != "" {
		out.WriteString(` <span class="about">` + string(inline(schema.Description)) + "</span>")
	}
	if len(schema.Properties.Content) > 0 {
		out.WriteString("<ul>")
		for name, property := range pairs(&schema.Properties) {
			must := ""
			if slices.Contains(schema.Required, name) {
				must = ` class="must"`
			}
			fmt.Fprintf(&out, "<li><code%s>%s</code> %s</li>", must, template.HTMLEscapeString(name), schemaHTML(property, depth+1))
		}
		out.WriteString("</ul>")
	}
	return template.HTML(out.String()) // every part of it was escaped
}

func shown(value any) string {
	if text, ok := value.(string); ok {
		return template.HTMLEscapeString(text)
	}
	data, err := json.Marshal(value)
	if err != nil {
		return template.HTMLEscapeString(fmt.Sprint(value))
	}
	return template.HTMLEscapeString(string(data))
}

// paragraphs reads what is written: empty lines end a paragraph, and backquotes hold code.
func paragraphs(text string) (list []template.HTML) {
	for part := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		if part != "" {
			list = append(list, inline(part))
		}
	}
	return list
}

func inline(text string) template.HTML {
	var out strings.Builder
	for i, part := range strings.Split(template.HTMLEscapeString(strings.TrimSpace(text)), "`") {
		if i%2 == 1 {
			out.WriteString("<code>" + part + "</code>")
		} else {
			out.WriteString(part)
		}
	}
	return template.HTML(out.String()) // it was escaped
}
