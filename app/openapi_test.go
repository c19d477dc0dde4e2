package app_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"stagecraft/docs"
)

// contract is docs/openapi.yaml as the tests of the server hold it to: whatever one of them asks for, and whatever it is
// answered, has to be as it is written there.
type contract struct {
	compiler *jsonschema.Compiler
	paths    map[string]map[string]any // by template, then by method
	answers  map[string]any            // those that are shared, by name
	mu       sync.Mutex
	schemas  map[string]*jsonschema.Schema // by JSON pointer
	met      map[string]bool               // operations that some test has called
}

const specFile = "file:///openapi.yaml"

var readContract = sync.OnceValues(func() (*contract, error) {
	var document map[string]any
	if err := yaml.Unmarshal(docs.OpenAPI(), &document); err != nil {
		return nil, err
	}
	text, err := json.Marshal(document)
	if err != nil {
		return nil, err
	}
	resource, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	k := &contract{compiler: jsonschema.NewCompiler(), paths: map[string]map[string]any{}, schemas: map[string]*jsonschema.Schema{}, met: map[string]bool{}}
	k.compiler.AssertFormat()
	if err = k.compiler.AddResource(specFile, resource); err != nil {
		return nil, err
	}
	for path, item := range document["paths"].(map[string]any) {
		k.paths[path] = item.(map[string]any)
	}
	k.answers = document["components"].(map[string]any)["responses"].(map[string]any)
	return k, nil
})

// template returns the path of the description that an address belongs to; "" if there is none. What says more of it in so
// many words comes first.
func (k *contract) template(path string) string {
	asked := strings.Split(strings.TrimSuffix(path, "/"), "/")
	best, most := "", -1
	for template := range k.paths {
		parts := strings.Split(template, "/")
		many := strings.HasSuffix(template, "/{file}") || strings.HasSuffix(template, "/{rest}")
		if len(parts) != len(asked) && !(many && len(asked) > len(parts)) {
			continue
		}
		literal, fits := 0, true
		for i, part := range parts {
			switch before, after, variable := cutVariable(part); {
			case variable:
				fits = fits && strings.HasPrefix(asked[i], before) && strings.HasSuffix(asked[i], after)
				literal += len(before) + len(after)
			case part == asked[i]:
				literal += len(part) + 1
			default:
				fits = false
			}
		}
		if fits && literal > most {
			best, most = template, literal
		}
	}
	return best
}

func cutVariable(part string) (before, after string, variable bool) {
	before, rest, opened := strings.Cut(part, "{")
	_, after, closed := strings.Cut(rest, "}")
	return before, after, opened && closed
}

func pointer(parts ...string) string {
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	for i := range parts {
		parts[i] = url.PathEscape(escape.Replace(parts[i]))
	}
	return "/" + strings.Join(parts, "/")
}

// validate holds a JSON text to the schema at a place of the description.
func (k *contract) validate(text []byte, at string) error {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("it is no JSON: %w", err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	schema := k.schemas[at]
	if schema == nil {
		if schema, err = k.compiler.Compile(specFile + "#" + at); err != nil {
			return err
		}
		k.schemas[at] = schema
	}
	return schema.Validate(value)
}

// check holds a request and its answer to the description.
func (k *contract) check(request *http.Request, sent []byte, status int, header http.Header, answer []byte) error {
	path, method := request.URL.EscapedPath(), strings.ToLower(request.Method)
	if method == "head" || method == "options" {
		return nil
	}
	template := k.template(path)
	operation, known := k.paths[template][method].(map[string]any)
	if !known {
		if status == http.StatusNotFound || status == http.StatusMethodNotAllowed || path == "/" || strings.HasPrefix(path, "/assets/") {
			return nil
		}
		return fmt.Errorf("it is not described, and answered with %d", status)
	}
	k.mu.Lock()
	k.met[template+" "+method] = true
	k.mu.Unlock()
	base := []string{"paths", template, method}
	if err := k.checkAnswer(operation, base, status, header, answer); err != nil {
		return fmt.Errorf("the answer: %w", err)
	}
	if status >= 300 || len(sent) == 0 || sent[0] != '{' && sent[0] != '[' {
		return nil
	}
	body, _ := operation["requestBody"].(map[string]any)
	content, _ := body["content"].(map[string]any)
	if content["*/*"] != nil {
		return nil
	}
	if content["application/json"] == nil {
		return fmt.Errorf("nothing is said of its body")
	}
	if err := k.validate(sent, pointer(append(slices.Clone(base), "requestBody", "content", "application/json", "schema")...)); err != nil {
		return fmt.Errorf("the request: %w", err)
	}
	return nil
}

func (k *contract) checkAnswer(operation map[string]any, base []string, status int, header http.Header, answer []byte) error {
	answers := operation["responses"].(map[string]any)
	name := fmt.Sprint(status)
	described, known := answers[name].(map[string]any)
	place := append(slices.Clone(base), "responses", name)
	if !known {
		if status < 400 {
			return fmt.Errorf("status %d is not described", status)
		}
		if well, _ := answers["200"].(map[string]any); well != nil {
			if content, _ := well["content"].(map[string]any); content["*/*"] != nil {
				return nil // whatever another program wants to read
			}
		}
		shared := "problem"
		if other, _ := answers["default"].(map[string]any); other != nil {
			shared = strings.TrimPrefix(other["$ref"].(string), "#/components/responses/")
		}
		described, place = k.answers[shared].(map[string]any), []string{"components", "responses", shared}
	}
	media, _, _ := mime.ParseMediaType(header.Get("Content-Type"))
	content, _ := described["content"].(map[string]any)
	if len(content) == 0 {
		if len(answer) > 0 && status < 300 {
			return fmt.Errorf("status %d has no body, but this one has %q", status, answer)
		}
		return nil
	}
	if content["*/*"] != nil {
		return nil
	}
	if content[media] == nil {
		return fmt.Errorf("status %d is no %q: %s", status, media, answer)
	}
	if media != "application/json" && !strings.HasSuffix(media, "+json") {
		return nil
	}
	return k.validate(answer, pointer(append(place, "content", media, "schema")...))
}

// TestTheDescriptionIsOpenAPI holds docs/openapi.yaml to OpenAPI 3.1, and each operation to what we expect of one.
func TestTheDescriptionIsOpenAPI(t *testing.T) {
	document, err := openapi3.NewLoader().LoadFromData(docs.OpenAPI())
	if err != nil {
		t.Fatal(err)
	}
	if err = document.Validate(t.Context()); err != nil {
		t.Error(err)
	}
	if !strings.HasPrefix(document.OpenAPI, "3.1.") {
		t.Errorf("it is OpenAPI %s", document.OpenAPI)
	}
	seen := map[string]string{}
	for path, item := range document.Paths.Map() {
		for method, operation := range item.Operations() {
			call := method + " " + path
			if operation.OperationID == "" || operation.Summary == "" || len(operation.Tags) != 1 || operation.Extensions["x-scopes"] == nil {
				t.Errorf("%s needs an operationId, a summary, a tag and x-scopes", call)
			}
			if other := seen[operation.OperationID]; other != "" {
				t.Errorf("%s and %s have the same operationId", call, other)
			}
			seen[operation.OperationID] = call
			for _, tag := range operation.Tags {
				if document.Tags.Get(tag) == nil {
					t.Errorf("%s has the tag %s, which is not described", call, tag)
				}
			}
		}
	}
	k, err := readContract()
	if err != nil {
		t.Fatal(err)
	}
	for name := range document.Components.Schemas {
		if _, err = k.compiler.Compile(specFile + "#" + pointer("components", "schemas", name)); err != nil {
			t.Error(err)
		}
	}
}

// Readers of YAML 1.1 take on, off, yes, no, y and n for true and false unless they are quoted.
func TestNamesOfTheDescriptionAreTextsEverywhere(t *testing.T) {
	var document yaml.Node
	if err := yaml.Unmarshal(docs.OpenAPI(), &document); err != nil {
		t.Fatal(err)
	}
	var look func(node *yaml.Node)
	look = func(node *yaml.Node) {
		switch strings.ToLower(node.Value) {
		case "on", "off", "yes", "no", "y", "n":
			if node.Kind == yaml.ScalarNode && node.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) == 0 {
				t.Errorf("line %d: %s must be quoted", node.Line, node.Value)
			}
		}
		for _, below := range node.Content {
			look(below)
		}
	}
	look(&document)
}
