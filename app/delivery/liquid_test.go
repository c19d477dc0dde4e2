package delivery_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"stagecraft/app/delivery"
	"stagecraft/app/lifecycle"
)

func testScope() delivery.Scope {
	customer := &lifecycle.Customer{
		ID: lifecycle.HashID("identity", "user", "u-1"),
		Identities: []lifecycle.Identity{
			{Kind: lifecycle.UserID, Value: "u-1"},
		},
		Traits: map[string]json.RawMessage{
			"email":      json.RawMessage(`"mai@example.com"`),
			"first_name": json.RawMessage(`"Mai"`),
			"evil":       json.RawMessage(`"<script>alert('x')</script> & \"co\""`),
			"header":     json.RawMessage(`"hi\r\nBcc: all@example.com\u0000\u202e!"`),
			"empty":      json.RawMessage(`""`),
			"vip":        json.RawMessage(`false`),
			"balance":    json.RawMessage(`1000000`),
			"huge":       json.RawMessage(`123456789012345678901234567890`),
			"exp":        json.RawMessage(`1e+06`),
			"n":          json.RawMessage(`5`),
			"many":       json.RawMessage("[" + strings.Repeat("3.5,1,2,", 3000) + "0]"),
			"millions":   json.RawMessage(`5000000`),
			"broken":     json.RawMessage(`{"a":`),
			"address":    json.RawMessage(`{"city": "Huế", "lines": ["1 Lê Lợi", "Phường 1"], "Zip Code": "530000"}`),
			"notes":      json.RawMessage(`"a\nb<"`),
		},
	}
	event := &lifecycle.Event{
		Type: lifecycle.Track, Name: "Order Completed", UserID: "u-1",
		Timestamp: time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC),
		Properties: json.RawMessage(`{"Order ID": "A-7", "total": 12.00, "coupon": null, "discount": 0.1, "prices": [1.50, 2, 3],
			"items": [{"name": "Tea", "price": 4.50, "qty": 2}, {"name": "Cup & saucer", "price": 3, "qty": 1}]}`),
	}
	return delivery.Scope{Customer: customer, Event: event, Journey: "customer-lifecycle", Stage: "single-purchase",
		Title: "Customer lifecycle", PublicURL: "https://example.com"}
}

func emailTemplate(body string) lifecycle.Template {
	return lifecycle.Template{Name: "thank-you", Channel: "email", File: "customer-lifecycle/messages/thank-you.email.liquid",
		Front: map[string]string{}, Body: body, Line: 5}
}

func smsTemplate(body string) lifecycle.Template {
	t := emailTemplate(body)
	t.Channel, t.File = "sms", "customer-lifecycle/messages/thank-you.sms.liquid"
	return t
}

func render(t *testing.T, template lifecycle.Template) (lifecycle.Rendered, error) {
	t.Helper()
	return delivery.NewRenderer().Render(&template, "", testScope())
}

func TestPlainTextValues(t *testing.T) {
	for _, c := range []struct{ template, want string }{
		{`{{ customer.id }}`, lifecycle.HashID("identity", "user", "u-1").String()},
		{`{{ customer.email }} {{ customer.user_id }} {{ customer.first_name }} {{ customer.traits.first_name }}`, "mai@example.com u-1 Mai Mai"},
		{`{{ journey }}/{{ stage }}/{{ title }} {{ public_url }}/x`, "customer-lifecycle/single-purchase/Customer lifecycle https://example.com/x"},
		{`{{ event.name }} {{ event.timestamp | date: "%d.%m.%Y" }} {{ event.timestamp }}`, "Order Completed 01.03.2026 2026-03-01T09:30:00Z"},
		{`{{ event.properties["Order ID"] }} {{ event.properties.items[1].name }} {{ event.properties.items.last.qty }}`, "A-7 Cup & saucer 1"},
		{`{{ customer.address.city }} {{ customer.traits.address["Zip Code"] }} {{ customer.address.lines[-1] }} {{ customer.address.lines.size }}`, "Huế 530000 Phường 1 2"},
		// numbers
		{`{{ event.properties.total }} {{ customer.balance }} {{ customer.huge }} {{ customer.exp }}`, "12.00 1000000 123456789012345678901234567890 1000000"},
		{`{{ event.properties.total | default: 1 }} {% assign x = event.properties.total %}{{ x }} {{ event.properties.prices | join: "/" }}`, "12.00 12.00 1.50/2/3"},
		{`{{ customer.balance | plus: 1 }} {{ customer.balance | times: 1.5 }} {{ event.properties.discount | plus: 0.2 }}`, "1000001 1500000 0.3"},
		{`{{ customer.balance | append: " VND" }} {{ event.properties.total | decimals: 2 }} {{ 7 | divided_by: 2 }} {{ 7.0 | divided_by: 2 }} {{ -7 | modulo: 3 }}`, "1000000 VND 12.00 3 3.5 2"},
		{`{{ event.properties.prices | sum }} {{ event.properties.items | sum: "price" }} {{ 2.5 | round }} {{ 2.345 | round: 2 }} {{ 2.1 | ceil }}`, "6.5 7.5 3 2.35 3"},
		{`{% assign t = "1.005" %}{{ t | decimals: 2 }} {{ 1.005 | decimals: 2 }} {{ -2.675 | decimals: 2 }} {{ 2.675 | round: 2 }} {{ 0.1 | plus: 0.2 | decimals: 1 }} {{ 3 | decimals: 2 }} {{ 999.995 | decimals: 2 }}`, "1.01 1.01 -2.68 2.68 0.3 3.00 1000.00"},
		{`{{ customer.huge | decimals: 1 }} {{ customer.exp | decimals: 2 }} {{ 2.5 | round }} {{ -2.5 | round }} {{ 12.0 | round: 2 }}`, "123456789012345678901234567890.0 1000000.00 3 -3 12"},
		{`{% if event.properties.total > 10 and 5 < event.properties.total %}big{% endif %}{% if event.properties.total == 12 %}!{% endif %}`, "big!"},
		// numbers that were sent as texts
		{`{% assign t = "150.00" %}{% if t > 100 %}a{% endif %}{% if t >= 150.0 %}b{% endif %}{% if t == 150 %}c{% endif %}{% if 200 > t and 150 == t and -5 < t %}d{% endif %}{% if t > 1000 or t < 20 %}e{% endif %}`, "abcd"},
		{`{% assign t = " 19.90" %}{% if 19.9 != t or t < 9 or t < event.properties.prices[0] %}a{% else %}b{% endif %}{% case t %}{% when 19.90 %}c{% endcase %}`, "bc"},
		{`{% assign t = "9,10,x" | split: "," %}{% if t contains 10 %}a{% endif %}{% if t[2] > 5 %}b{% endif %}{% if t[2] == 0 %}c{% endif %}{% if t[0] > t[1] %}as texts{% endif %}{% if event.properties.total == "12.0" %}d{% endif %}`, "aas textsd"},
		{`{% if customer.traits.nothing > 100 %}a{% endif %}{% if customer.first_name > 100 %}b{% endif %}{% if customer.traits.nothing < 100 %}c{% endif %}.`, "."},
		// truth and blanks
		{`{% if customer.traits.nothing %}a{% else %}b{% endif %}{% unless customer.vip %}c{% endunless %}{% if customer.empty == blank %}d{% endif %}`, "bcd"},
		{`{% if customer.nothing == nil %}a{% endif %}{% if customer.nothing.deeper == blank %}b{% endif %}{% if customer.email contains "@" %}c{% endif %}`, "abc"},
		{`{{ customer.nothing | default: "you" }} {{ customer.empty | default: "x" }} {{ event.properties.coupon | upcase | default: "none" }}`, "you x none"},
		{`{{ customer.vip | default: true, allow_false: true }} {{ customer.vip | default: "d" }}`, "false d"},
		{`{% assign n = customer.nick | default: customer.first_name %}{{ n | upcase }}`, "MAI"},
		// loops
		{`{% for i in event.properties.items %}{{ forloop.index }}/{{ forloop.length }} {{ i.name }} {{ i.price }}{% unless forloop.last %}; {% endunless %}{% endfor %}`, "1/2 Tea 4.50; 2/2 Cup & saucer 3"},
		{`{% for i in (1..customer.n) reversed limit: 3 offset: 1 %}{{ i }}{% endfor %} {% for i in (3..1) %}x{% else %}none{% endfor %}`, "432 none"},
		{`{% for i in customer.nothing %}x{% else %}empty{% endfor %}{% for p in customer.address limit: 1 %}{{ p[0] }}={{ p[1] }}{% endfor %}`, "emptycity=Huế"},
		{`{% for i in (1..9) %}{% if i == 2 %}{% continue %}{% endif %}{% if i == 5 %}{% break %}{% endif %}{{ i }}{% cycle "a", "b" %}{% endfor %}`, "1a3b4a"},
		{`{% for i in event.properties.items | sort: "price" %}{{ i.name }},{% endfor %}{{ event.properties.items | map: "name" | join: "+" }}`, "Cup & saucer,Tea,Tea+Cup & saucer"},
		{`{% case stage %}{% when "a", "single-purchase" %}yes{% else %}no{% endcase %}{% case event.properties.total %}{% when 12 %}12{% endcase %}`, "yes12"},
		{`{% capture x %}[{{ customer.first_name }}]{% endcapture %}{{ x }}{{ x | size }}`, "[Mai]5"},
		{`{% if customer.nothing %}{% assign stage = "b" %}{% endif %}{{ stage }}{% assign stage = "c" %}{{ stage }}`, "single-purchasec"},
		// white space, comments, raw, line breaks inside
		{"a {{- \" b \" -}} c{% comment %}{% if %}{{{% endcomment %}{% raw %}{{ x }}{% endraw %}{% # note %}", "a b c{{ x }}"},
		{"{{ customer.first_name\n | upcase }}", "MAI"},
		{`{{ "}}" }} {{ '{%' }}`, "}} {%"},
		{`{{ "now" | date: "%Y" | default: "x" }}`, ""},
		{`{{ customer.evil | escape }}`, "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; &#34;co&#34;"},
		{`{{ customer.broken | default: "b" }}`, "b"},
	} {
		rendered, err := render(t, smsTemplate(c.template))
		if c.want == "" {
			if err == nil || !strings.Contains(err.Error(), "present time") {
				t.Errorf("%s: error %v", c.template, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.template, err)
			continue
		}
		if got := strings.TrimSuffix(rendered.Text, "\n"); got != c.want {
			t.Errorf("%s\n got %q\nwant %q", c.template, got, c.want)
		}
		if rendered.HTML != "" {
			t.Errorf("%s: an SMS has HTML", c.template)
		}
	}
}

func TestNowIsTheScopesClock(t *testing.T) {
	scope := testScope()
	scope.Now = time.Date(2031, 1, 2, 0, 0, 0, 0, time.UTC)
	template := smsTemplate(`{{ "now" | date: "%Y" }}`)
	rendered, err := delivery.NewRenderer().Render(&template, "", scope)
	if err != nil || rendered.Text != "2031\n" {
		t.Errorf("got %q, %v", rendered.Text, err)
	}
}

func TestHTMLEscaping(t *testing.T) {
	for _, c := range []struct{ body, want string }{
		{`<p>{{ customer.evil }}</p>`, `<p>&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; &#34;co&#34;</p>`},
		{`<p>{{ customer.evil | raw }}</p>`, `<p><script>alert('x')</script> & "co"</p>`},
		{`<p>{{ customer.evil | escape }}</p>`, `<p>&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; &#34;co&#34;</p>`},
		{`<p>{{ customer.evil | upcase | slice: 0, 8 }}</p>`, `<p>&lt;SCRIPT&gt;</p>`},
		{`<p>{{ customer.notes | newline_to_br }}</p>`, "<p>a<br>\nb&lt;</p>"},
		{`{% capture l %}<b>{{ customer.evil | slice: 0, 1 }}</b>{% endcapture %}{{ l }}`, `<b>&lt;</b>`},
		{`{% assign r = customer.evil | raw %}<p>{{ r | append: "!" | slice: 0, 1 }}</p>`, `<p>&lt;</p>`},
		{`<p>{{ customer.nothing | default: customer.evil | slice: 0, 1 }}</p>`, `<p>&lt;</p>`},
		{`<p>{{ customer.address | json }}</p>`, `<p>{&#34;Zip Code&#34;:&#34;530000&#34;,&#34;city&#34;:`},
		{`<p>{{ customer.traits.address.lines }}</p>`, `<p>1 Lê LợiPhường 1</p>`},
		{"Hello {{ customer.evil }}\n\nBye", `<p>Hello &lt;script&gt;`},
	} {
		rendered, err := render(t, emailTemplate(c.body))
		if err != nil {
			t.Errorf("%s: %v", c.body, err)
			continue
		}
		if !strings.Contains(rendered.HTML, c.want) {
			t.Errorf("%s\nis %s\nwithout %s", c.body, rendered.HTML, c.want)
		}
	}
}

func TestSubjectIsOneSafeLine(t *testing.T) {
	template := emailTemplate("Hi")
	template.Front = map[string]string{"subject": "For {{ customer.header }} & {{ customer.first_name }}", "preheader": "{{ customer.evil }}"}
	rendered, err := render(t, template)
	if err != nil {
		t.Fatal(err)
	}
	if want := "For hi Bcc: all@example.com! & Mai"; rendered.Subject != want {
		t.Errorf("subject %q, want %q", rendered.Subject, want)
	}
	if strings.Contains(rendered.HTML, "<script>") {
		t.Error("the preheader is not escaped in the document")
	}
	template.Front["subject"] = strings.Repeat("é", 1000)
	rendered, err = render(t, template)
	if err != nil || len(rendered.Subject) > 410 || strings.Contains(rendered.Subject, "\uFFFD") {
		t.Errorf("a long subject: %d bytes, %v", len(rendered.Subject), err)
	}
}

func TestDocuments(t *testing.T) {
	for body, own := range map[string]bool{
		"<p>x</p>": false, "just text": false,
		"  <!DOCTYPE html><html><head></head><body class=a><p>x</p></body></html>": true,
		"<HTML><body><p>x</p></body></HTML>":                                       true,
	} {
		template := emailTemplate(body)
		template.Front["preheader"] = "Peek & see"
		template.Locale = "ar"
		rendered, err := render(t, template)
		if err != nil {
			t.Fatal(err)
		}
		if got := !strings.Contains(rendered.HTML, "sc-body"); got != own {
			t.Errorf("%s: own document %v, want %v", body, got, own)
		}
		if !own && !strings.Contains(rendered.HTML, `<html lang="ar" dir="rtl">`) {
			t.Errorf("%s: no language in %s", body, rendered.HTML)
		}
		if strings.Count(strings.ToLower(rendered.HTML), "<html") != 1 || !strings.Contains(rendered.HTML, "Peek &amp; see") {
			t.Errorf("%s: %s", body, rendered.HTML)
		}
		if strings.TrimSpace(rendered.Text) == "" || strings.Contains(rendered.Text, "Peek") {
			t.Errorf("%s: text %q", body, rendered.Text)
		}
	}
}

func TestMissingVariables(t *testing.T) {
	for _, c := range []struct{ body, want string }{
		{"a\n{{ customer.traits.nick }}", `message thank-you: customer.traits.nick is missing; give it a default: {{ customer.traits.nick | default: "…" }}`},
		{"a\n{{ customer.traits.nick | upcase }}", `customer.traits.nick is missing`},
		{"a\n{{ customer.nick.deep }}", `customer.nick.deep is missing`},
		{"a\n{{ event.properties['Order No'] }}", `event.properties["Order No"] is missing`},
		{"a\n{{ event.properties.coupon }}", `event.properties.coupon is missing`},
		{"a\n{% assign n = customer.nick %}{{ n }}", `customer.nick is missing`},
		{"a\n{% if customer.nick %}{% assign n = 1 %}{% endif %}{{ n }}", `n is missing`},
		{"a\n{{ 'Hi ' | append: customer.nick }}", `customer.nick is missing`},
		{"a\n{% for i in event.properties.items %}{{ i.sku }}{% endfor %}", `event.properties.items[0].sku is missing`},
		{"a\n{% for i in (1..customer.nick) %}x{% endfor %}", `customer.nick is missing`},
		{"a\n{{ event.properties.items | map: 'sku' | first }}", `has no value`},
		{"a\n{% assign l = 'a,b' | split: ',' %}{{ l[5] }}", `l[5] is missing`},
		{"a\n{% for p in customer.address %}{{ p[1].deep }}{% endfor %}", `customer.address.city.deep is missing`},
		{"a\n{{ customer }}", `customer holds several values`},
	} {
		_, err := render(t, smsTemplate(c.body))
		var e *lifecycle.Error
		if !errors.As(err, &e) {
			t.Errorf("%s: error %v", c.body, err)
			continue
		}
		if !strings.Contains(e.Message, c.want) || e.Line != 6 || e.File != "customer-lifecycle/messages/thank-you.sms.liquid" || e.Code != lifecycle.ScriptFailed {
			t.Errorf("%s: %v (code %s)", c.body, e, e.Code)
		}
	}
	template := smsTemplate("{{ event.name }}{{ customer.email }}")
	if _, err := delivery.NewRenderer().Render(&template, "", delivery.Scope{}); err == nil || !strings.Contains(err.Error(), "event.name is missing") {
		t.Errorf("without event and customer: %v", err)
	}
}

func TestCheckTemplate(t *testing.T) {
	for _, c := range []struct{ body, want string }{
		{"a\n{{ customer.email", "{{ is never closed"},
		{"a\n{% if customer.vip", "{% is never closed"},
		{"a\n{{ customer.email\nand {{ customer.email }}", "{{ is not closed before the next {{"},
		{"a\n{% if customer.vip %}x", "{% if %} is never closed"},
		{"a\n{% for i in (1..3) %}x{% endif %}", "{% endif %} has nothing to belong to"},
		{"a\n{% endfor %}", "{% endfor %} has nothing to belong to"},
		{"a\n{% raw %}x", "{% raw %} is never closed"},
		{"a\n{% comment %}x", "{% comment %} is never closed"},
		{"a\n{{ customer.email | upcse }}", `there is no filter "upcse" (did you mean upcase?)`},
		{"a\n{{ customer.email | nonsense }}", `there is no filter "nonsense" (the filters are abs,`},
		{"a\n{% iff x %}", `there is no tag "iff" (did you mean if?)`},
		{"a\n{% include 'x' %}", "there is no tag include (write {% render 'partials/footer' %}"},
		{"a\n{% render '/etc/passwd' %}", "render needs the name of a partial"},
		{"a\n{% render customer.first_name %}", "render needs the name of a partial"},
		{"a\n{% render 'partials/nothing' %}", "there is no partials/nothing"},
		{"a\n{{ first_name }}", `there is no variable "first_name" (a trait is written customer.traits.first_name`},
		{"a\n{{ event.total }}", "an event has no total (write event.properties.total"},
		{"a\n{% for i in (1..100000000) %}{% endfor %}", "the range (1..100000000) has more than 1000 numbers"},
		{"a\n{{ (1..event.properties.total).AsArray }}", "a bracket has no properties"},
		{"a\n{{ }}", "there is no value"},
		{"a\n{{ 'open }}", "the text that starts with ' is never closed"},
		{"a\n{{ customer.email | }}", "behind a | stands no filter"},
		{"a\n{{ customer.email | replace 'a' }}", "the values of filter replace cannot be read"},
		{"a\n{{ customer.email | raw | upcase }}", "raw is not the last filter"},
		{"a\n{{ a; b }}", `';' has no meaning here`},
		{"a\n{{ %assign x = 1 }}", `'%' has no meaning here`},
		{"a\n{{ customer..x }}", "cannot be read"},
		{"a\n{{ customer.email == }}", "cannot be read"},
		{"a\n{{ 99999999999999999999 }}", "more than 18 digits"},
		{"a\n{% break %}", "stands outside a loop"},
		{"a\n{% for i of x %}{% endfor %}", "write {% for item in"},
		{"a\n{% for i in event.properties.items cols: 3 %}{% endfor %}", "cols"},
		{"a\n{% assign customer = 1 %}", "is one word that is not taken"},
		{"a\n{% if (customer.email | size) > 3 %}{% endif %}", "filters do not work inside brackets"},
		{"a\n{{ " + strings.Repeat("(", 200) + "1" + strings.Repeat(")", 200) + " }}", "brackets"},
		{"a\n" + strings.Repeat("{% if customer.vip %}", 200), "blocks lie more than 32 deep"},
	} {
		problems := delivery.CheckTemplate(emailTemplate(c.body))
		if len(problems) == 0 {
			t.Errorf("%.100s: nothing found", c.body)
			continue
		}
		e := problems[0]
		if !strings.Contains(e.Error(), c.want) || e.Line != 6 || e.File == "" || !strings.HasPrefix(e.Message, "message thank-you: ") {
			t.Errorf("%.100s: %v", c.body, e)
		}
		template := emailTemplate(c.body)
		if _, err := delivery.NewRenderer().Render(&template, "", testScope()); err == nil {
			t.Errorf("%.100s: rendered all the same", c.body)
		}
	}
}

func TestCheckTemplateReportsEveryPart(t *testing.T) {
	template := emailTemplate("{{ a }}\n{{ customer.email | b }}\n{% c %}")
	template.Front = map[string]string{"subject": "{{ d }}", "preheader": "{{ e"}
	problems := delivery.CheckTemplate(template)
	var got []string
	for _, problem := range problems {
		got = append(got, fmt.Sprintf("%s:%d %s", problem.Field, problem.Line, problem.Message))
	}
	want := `subject:1 message thank-you: in the subject: there is no variable "d"
preheader:1 message thank-you: in the preheader: {{ is never closed
:5 message thank-you: there is no variable "a"
:6 message thank-you: there is no filter "b"
:7 message thank-you: there is no tag "c"`
	if strings.Join(got, "\n") != want {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), want)
	}
	if problems := delivery.CheckTemplate(emailTemplate("{{ customer.email }} {nothing} { { }}")); problems != nil {
		t.Errorf("a good template: %v", problems)
	}
}

func TestConcurrentRenderingAndCache(t *testing.T) {
	renderer := delivery.NewRenderer()
	first, second := smsTemplate("one {{ customer.email }}"), smsTemplate("two {{ event.properties.total }}")
	scope := testScope()
	var workers sync.WaitGroup
	for worker := range 4 {
		workers.Go(func() {
			for i := range 600 {
				template, key, want := &first, "v1/a", "one mai@example.com\n"
				if i%2 == worker%2 {
					template, key, want = &second, "v1/b", "two 12.00\n"
				}
				rendered, err := renderer.Render(template, key, scope)
				if err != nil || rendered.Text != want {
					t.Errorf("got %q, %v", rendered.Text, err)
					return
				}
				filler := smsTemplate("x")
				if _, err := renderer.Render(&filler, fmt.Sprint("filler", worker, i), scope); err != nil {
					t.Error(err)
				}
			}
		})
	}
	workers.Wait()
	// the key names the text: a changed body under an old key is the old body
	changed := smsTemplate("changed")
	rendered, err := renderer.Render(&changed, "v1/a", scope)
	if err != nil || rendered.Text != "one mai@example.com\n" {
		t.Errorf("cached: %q, %v", rendered.Text, err)
	}
}
