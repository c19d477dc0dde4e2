package delivery_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"stagecraft/app/delivery"
	"stagecraft/app/lifecycle"
)

func TestBounds(t *testing.T) {
	long := strings.Repeat("x", 200<<10)
	doubled := `{% capture s %}` + long + `{% endcapture %}{% assign l = s | split: "|" %}{% for i in (1..13) %}{% assign l = l | concat: l %}{% endfor %}`
	for name, c := range map[string]struct {
		body string
		code lifecycle.Code
	}{
		"range at run time":  {`{% for i in (1..customer.millions) %}{% endfor %}`, lifecycle.TooLarge},
		"range in a filter":  {`{% assign n = customer.millions %}{{ (1..n) | join: "" }}`, lifecycle.TooLarge},
		"range by name":      {`{% assign r = (1..customer.millions) %}{{ r.AsArray | size }}`, lifecycle.ScriptFailed},
		"empty nested loops": {`{% for i in (1..1000) %}{% for j in (1..1000) %}{% endfor %}{% endfor %}`, lifecycle.TooLarge},
		"heavy bodies":       {`{% for i in (1..1000) %}` + strings.Repeat(`{{ i | plus: 1 }}`, 300) + `{% endfor %}`, lifecycle.TooLarge},
		"output":             {`{% for i in (1..1000) %}` + strings.Repeat("y", 1000) + `{% endfor %}`, lifecycle.TooLarge},
		"captures":           {`{% for i in (1..1000) %}{% capture c %}` + long + `{% endcapture %}{% endfor %}`, lifecycle.TooLarge},
		"doubling text":      {`{% assign s = "12345678" %}{% for i in (1..100) %}{% assign s = s | append: s %}{% endfor %}`, lifecycle.TooLarge},
		"doubling lists":     {`{% assign s = "a,b" | split: "," %}{% for i in (1..100) %}{% assign s = s | concat: s %}{% endfor %}`, lifecycle.TooLarge},
		"multiplying text":   {`{% capture s %}` + long + `{% endcapture %}{{ s | replace: "x", s }}`, lifecycle.TooLarge},
		"joining":            {`{% capture s %}` + long + `{% endcapture %}{% assign l = "a,b,c,d,e" | split: "," %}{{ l | join: s }}`, lifecycle.TooLarge},
		"splitting":          {`{% capture s %}` + long + `{% endcapture %}{% assign l = s | split: "" %}`, lifecycle.TooLarge},
		"looking through":    {`{% capture s %}` + long + `{% endcapture %}{% for i in (1..1000) %}{% if s contains "z" %}{% endif %}{% endfor %}`, lifecycle.TooLarge},
		"the same again":     {doubled + `{{ l | json | size }}`, lifecycle.TooLarge},
		"sorting the same":   {doubled + `{{ l | sort_natural | size }}`, lifecycle.TooLarge},
		"looking for more":   {doubled + `{% if l contains "y" %}{% endif %}`, lifecycle.TooLarge},
		"sorting often":      {`{% assign l = customer.many %}{% for i in (1..1000) %}{% assign m = l | sort %}{% endfor %}`, lifecycle.TooLarge},
		"date width":         {`{{ event.timestamp | date: "%999999Y" }}`, lifecycle.ScriptFailed},
		"negative slice":     {`{{ customer.email | slice: 3, -2 }}`, lifecycle.ScriptFailed},
		"division":           {`{{ 1 | divided_by: 0 }}`, lifecycle.ScriptFailed},
		"no number":          {`{{ customer.email | plus: 1 }}`, lifecycle.ScriptFailed},
		"no list":            {`{% for i in customer.email %}{% endfor %}`, lifecycle.ScriptFailed},
		"sorting a mixture":  {`{{ "a,b" | split: "," | sort_natural: "x" | slice: 1, -5 }}`, lifecycle.ScriptFailed},
		"too many values":    {`{{ "a" | upcase: 1, 2, 3 }}`, lifecycle.ScriptFailed},
		"template size":      {strings.Repeat("x", delivery.MaxTemplateBytes+1), lifecycle.ScriptFailed},
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			_, err := render(t, smsTemplate(c.body))
			var e *lifecycle.Error
			if !errors.As(err, &e) || e.Code != c.code || e.Line != 5 || e.File == "" {
				t.Errorf("error %v", err)
			}
			if took := time.Since(start); took > time.Minute {
				t.Errorf("it took %v", took)
			}
		})
	}
}

func TestWithinBounds(t *testing.T) {
	for _, body := range []string{
		`{% for i in (1..1000) %}{{ i }} {% endfor %}`,
		`{% for i in (1..90) %}{% for j in (1..100) %}.{% endfor %}{% endfor %}`,
		strings.Repeat("{% if true %}", 32) + "x" + strings.Repeat("{% endif %}", 32),
		strings.Repeat("x", delivery.MaxTemplateOutput),
	} {
		if _, err := render(t, smsTemplate(body)); err != nil {
			t.Errorf("%.60s: %v", body, err)
		}
	}
}

func TestMalformedDataNeverPanics(t *testing.T) {
	template := smsTemplate(`{{ customer.x.y | default: "-" }}{{ customer.x[0] | default: "-" }}{{ customer.x | json | default: "-" }}` +
		`{% for i in customer.x %}{{ i | default: "-" }}{% endfor %}{{ customer.x | default: "-" }}{{ event.properties.a | default: "-" }}`)
	renderer := delivery.NewRenderer()
	for _, raw := range []string{
		``, ` `, `{`, `[`, `"`, `{"`, `{"a`, `{"a"`, `{"a":`, `{"a":}`, `{"a":1`, `{"a":1,`, `{"a":1,}`, `[1`, `[1,`, `[,]`, `[}`, `{]`,
		`nul`, `tru`, `-`, `1.`, `01`, `"\`, `"\u12"`, `"\ud800"`, "\"\x00\"", "\"\xff\"", `}`, `]`, `{{}}`, `{1:2}`,
		strings.Repeat("[", 1000), strings.Repeat(`{"a":`, 200) + "1" + strings.Repeat("}", 200), `1e999`, `-0`, strings.Repeat("9", 5000),
	} {
		scope := delivery.Scope{
			Customer: &lifecycle.Customer{Traits: map[string]json.RawMessage{"x": json.RawMessage(raw)}},
			Event:    &lifecycle.Event{Properties: json.RawMessage(raw)},
		}
		if _, err := renderer.Render(&template, "k", scope); err != nil && strings.Contains(err.Error(), "runtime error") {
			t.Errorf("%q: %v", raw, err)
		}
	}
}

// FuzzTemplate holds CheckTemplate and Render to their promises for any template: no panic, bounded time and output,
// an error with a place, agreement about what is broken, and nothing of the customer's unescaped in HTML.
func FuzzTemplate(f *testing.F) {
	for _, seed := range []string{
		"Hello {{ customer.first_name | default: 'you' }}", "<p>{{ customer.evil }}</p>", "{% for i in (1..9) %}{{ i }}{% endfor %}",
		"{% if customer.vip %}a{% elsif event.name == 'x' %}b{% else %}c{% endif %}", "{{ customer.evil | raw }}", "{{-", "{%-%}", "{{'}}'}}",
		"{% case stage %}{% when 'a' or 'b', 'c' %}{% endcase %}", "{% capture x %}<b>{{ customer.evil }}{% endcapture %}{{ x }}",
		"{% assign a = event.properties.items | map: 'name' | join: ', ' %}{{ a | truncate: 5 }}", "{% raw %}{{{% endraw %}", "{% cycle 'a','b' %}",
		"{{ event.properties.items[0]['name'] | append: 1 | replace: 'a', 'b' }}", "{{ (1..9) | sort | uniq | reverse | first }}",
		"{{ event.timestamp | date: '%d %B %Y' }}", "{{ 1 | plus: 2.5 | times: -3 | divided_by: 0.1 | round: 2 | decimals: 3 }}",
	} {
		f.Add(seed)
	}
	renderer := delivery.NewRenderer()
	f.Fuzz(func(t *testing.T, body string) {
		template := emailTemplate(body)
		template.Front = map[string]string{"subject": body[:min(len(body), 300)]}
		start := time.Now()
		problems := delivery.CheckTemplate(template)
		rendered, err := renderer.Render(&template, "", testScope())
		if took := time.Since(start); took > time.Minute {
			t.Errorf("it took %v", took)
		}
		if len(problems) > 0 && err == nil {
			t.Errorf("rendered although %v", problems[0])
		}
		if err != nil {
			var e *lifecycle.Error
			if !errors.As(err, &e) || e.Line < 1 || e.File == "" || e.Message == "" {
				t.Errorf("error %v", err)
			}
			return
		}
		if strings.ContainsAny(rendered.Subject, "\r\n\x00") {
			t.Errorf("subject %q", rendered.Subject)
		}
		if !strings.Contains(body, "raw") && strings.Contains(rendered.HTML, "<script>alert('x')") && !strings.Contains(body, "alert") {
			t.Errorf("data became markup: %s", rendered.HTML)
		}
	})
}
