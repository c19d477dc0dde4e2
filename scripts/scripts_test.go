package scripts_test

import (
	"encoding/json"
	"io/fs"
	"strings"
	"testing"
	"time"

	"stagecraft/app/delivery"
	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
	"stagecraft/scripts"
)

var models = []string{"brand-lifecycle", "customer-journey", "customer-lifecycle", "customer-value-journey", "lead-scoring", "lifecycle-marketing"}

func sources(t *testing.T) []script.Source {
	t.Helper()
	list, err := script.ReadSources(scripts.Files)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestTheModelsAreBuiltIn(t *testing.T) {
	var names []string
	for _, source := range sources(t) {
		names = append(names, source.Name)
		tests, err := script.ReadTests(scripts.Files, source.Name)
		if err != nil || len(tests) == 0 {
			t.Errorf("%s has no tests: %v", source.Name, err)
		}
		header, err := fs.ReadFile(scripts.Files, source.Name+"/journey.lua")
		if err != nil {
			t.Fatal(err)
		}
		comment, _, _ := strings.Cut(string(header), "\njourney {")
		program, err := script.New(script.Limits{}).Compile(source)
		if err != nil {
			t.Errorf("%s: %v", source.Name, err)
			continue
		}
		for _, stage := range program.Journey.Stages {
			if !strings.Contains(comment, "--   "+stage.Name+" ") {
				t.Errorf("the header of %s does not say how stage %q is measured", source.Name, stage.Name)
			}
		}
	}
	if got, want := strings.Join(names, " "), strings.Join(models, " "); got != want {
		t.Errorf("built in are %s, not %s", got, want)
	}
}

func TestNothingIsToBeSaidAgainstThem(t *testing.T) {
	host := script.New(script.Limits{})
	for _, source := range sources(t) {
		for _, problem := range host.Check(source, delivery.CheckTemplate) {
			t.Error(problem)
		}
	}
}

// TestMessages wants every message in English and Vietnamese, the two alike in all but the words, and both to be
// sayable to somebody of whom only the address is known, with and without an event.
func TestMessages(t *testing.T) {
	renderer := delivery.NewRenderer()
	stranger := &lifecycle.Customer{Traits: map[string]json.RawMessage{"email": json.RawMessage(`"x@example.com"`)}}
	order := &lifecycle.Event{Name: "Order Completed", Properties: json.RawMessage(`{"order_id":"A1","products":[{"name":"Teapot"},{"sku":"T2"}]}`)}
	for _, source := range sources(t) {
		program, err := script.New(script.Limits{}).Compile(source)
		if err != nil {
			t.Fatal(err)
		}
		english, vietnamese := map[string]lifecycle.Template{}, map[string]lifecycle.Template{}
		for _, template := range program.Templates {
			switch template.Locale {
			case "":
				english[template.Name] = template
			case "vi":
				vietnamese[template.Name] = template
			default:
				t.Errorf("%s: which language is %q?", template.File, template.Locale)
			}
			for _, event := range []*lifecycle.Event{{}, order} {
				rendered, err := renderer.Render(&template, "", delivery.Scope{Customer: stranger, Event: event, Now: time.Now()})
				if err != nil {
					t.Errorf("%s: %v", template.File, err)
				} else if rendered.Subject == "" || !strings.Contains(rendered.HTML, "<p") || rendered.Text == "" {
					t.Errorf("%s says nothing: %+v", template.File, rendered)
				}
			}
			for _, key := range []string{"subject", "preheader", "topic", "kind", "expires"} {
				if template.Front[key] == "" {
					t.Errorf("%s has no %s", template.File, key)
				}
			}
			if template.Front["kind"] == "marketing" && template.Front["purpose"] == "" {
				t.Errorf("%s is marketing and does not say its purpose", template.File)
			}
		}
		for name, en := range english {
			vi, ok := vietnamese[name]
			if !ok {
				t.Errorf("%s has no Vietnamese text", en.File)
				continue
			}
			for _, key := range []string{"topic", "kind", "purpose", "expires"} {
				if en.Front[key] != vi.Front[key] {
					t.Errorf("%s: %s is %q, in English %q", vi.File, key, vi.Front[key], en.Front[key])
				}
			}
			if !strings.ContainsAny(vi.Front["subject"], "ảạàáãăắằẵâấầậẩđêếềệểơớờởợưứừửựôốồộổịìíòóỏọùúủụ") {
				t.Errorf("%s: the subject is not Vietnamese: %s", vi.File, vi.Front["subject"])
			}
		}
	}
}
