package delivery_test

import (
	"fmt"
	"strings"
	"testing"

	"stagecraft/app/delivery"
	"stagecraft/app/lifecycle"
)

// FuzzTextByPattern: the text of a mail whose words were put into the pattern of its template is that of its HTML.
func FuzzTextByPattern(f *testing.F) {
	for _, source := range []string{
		"<h1>Thank you, §!</h1><p>Your order § has <a href=\"https://shop.example/§\">reached us</a>.</p>",
		"<a href=\"§\">Unsubscribe</a> <a href='§'>§</a>",
		"<a href=\"https://§\">https://§/</a><a href=§>x</a>",
		"<p title=\"§\" hidden>§</p><div style=\"display:§\">a</div>§",
		"<§>a</§><img alt=\"§\">&§; &am§ <!-- § --> <pre> §\n § </pre>",
		"<style>§</style><title>§</title><p §>b</p><td>§</td><td> § </td><ul><li>§<li>§</ul>",
		"<a href=\"mailto:§\">§</a><a href=\"#§\">§</a><a href=\"§\"><img alt=\"\"></a>",
	} {
		f.Add(source, "Ada", "one two", "https://shop.example/7?a=b")
		f.Add(source, "none", "https://a", "https://a")
		f.Add(source, "mailto:a@b.c", "x", "x/")
		f.Add(source, "Nguyễn Thị", "p", "lt")
	}
	f.Fuzz(func(t *testing.T, source, a, b, c string) {
		pieces := strings.Split(source, "§")
		if len(pieces) > 40 || len(source) > 4000 {
			return
		}
		var before, words []string
		for i := range pieces[1:] {
			before, words = append(before, []string{"Bo", "Http x", "5"}[i%3]), append(words, []string{a, b, c}[i%3])
		}
		if text, want, plain := delivery.TextByPattern(pieces, before, words); plain && text != want {
			t.Errorf("%q with %q:\n%q, want\n%q", source, words, text, want)
		}
	})
}

// What most mails are made of has a pattern.
func TestTextByPattern(t *testing.T) {
	text, want, plain := delivery.TextByPattern([]string{"<p>Dear ", ",</p><p><a href=\"", "\">Your order</a> is on its way.</p>"},
		[]string{"Ada", "https://shop.example/1"}, []string{"Nguyễn Thị Minh", "https://shop.example/2?from=mail"})
	if !plain || text != want || text != "Dear Nguyễn Thị Minh,\n\nYour order (https://shop.example/2?from=mail) is on its way.\n" {
		t.Errorf("%q, want %q", text, want)
	}
}

// Whatever way a template takes, and whatever words it is given, its text is that of its HTML, also through layouts.
func TestTextOfTemplates(t *testing.T) {
	template := &lifecycle.Template{Name: "m", File: "m.email.liquid", Channel: "email", Front: map[string]string{"subject": "Hi"},
		Body: `
<p>Dear {{ customer.first_name | default: "friend" }},</p>{% if customer.traits.plan == "gold" %}<p><b>gold</b> {{ customer.traits.plan }}</p>{% endif %}
{% for item in event.properties.items %}<li>{{ item }}{% endfor %}{% capture note %}<i>{{ customer.traits.note | default: "-" }}</i>{% endcapture %}
{% if customer.traits.note %}{{ note }}{% endif %}<a href="{{ customer.traits.url | default: "https://a.example" }}">{{ customer.traits.shown | default: "go" }}</a>
`, Layouts: []*lifecycle.Template{{Name: "outer", File: "outer.liquid", Body: "<div>{{ subject }}</div> {{ content }} {{ content }}<p>{{ customer.first_name | default: \"you\" }}</p>"}}}
	renderer := delivery.NewRenderer()
	for i := range 400 {
		customer := &lifecycle.Customer{}
		for name, values := range map[string][]string{"first_name": {`"Ada"`, `"A & B"`, `" Bo"`, `""`, `"Thị"`, `"x  y"`}, "plan": {`"gold"`, `"no"`},
			"note": {`"<p>"`, `"fine"`, "null", "null"}, "url": {`"https://b.example/1"`, `"mailto:a@b.c"`, `"http://b.example/?a=b&c=d"`, `""`},
			"shown": {`"https://b.example/1/"`, `"a@b.c"`, `"here"`}} {
			customer.SetTrait(name, []byte(values[(i*7+i/len(values)*3)%len(values)]))
		}
		event := &lifecycle.Event{Properties: []byte(fmt.Sprintf(`{"items":%s}`, []string{"[]", `["a"]`, `["a","b c"]`, `["<"]`}[i%4]))}
		parts, err := renderer.RenderParts(template, "v", delivery.Scope{Customer: customer, Event: event})
		if err != nil {
			t.Fatal(err)
		}
		if want := delivery.TextOfHTML(parts.HTML); parts.Text != want {
			t.Fatalf("%q of %s\nwant %q", parts.Text, parts.HTML, want)
		}
	}
}
