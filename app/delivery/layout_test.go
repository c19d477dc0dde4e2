package delivery_test

import (
	"fmt"
	"strings"
	"testing"

	"stagecraft/app/delivery"
	"stagecraft/app/lifecycle"
)

// dressed is a template with a layout around it and the partials of its journey.
func dressed(t lifecycle.Template, layout string, partials map[string]string) lifecycle.Template {
	if layout != "" {
		t.Layouts = []*lifecycle.Template{{Name: "base", Channel: t.Channel, File: "care/messages/layouts/base." + t.Channel + ".liquid", Body: layout, Line: 1}}
	}
	t.Partials = map[string]*lifecycle.Template{}
	for name, body := range partials {
		t.Partials["partials/"+name] = &lifecycle.Template{Name: "partials/" + name, File: "care/messages/partials/" + name + ".liquid", Body: body, Line: 1}
	}
	return t
}

func TestLayout(t *testing.T) {
	const page = "<!doctype html><body><header>{{ subject }}</header>{{ content }}<footer>{{ customer.first_name }}</footer></body>"
	for _, c := range []struct {
		name, body, layout, html, text string
	}{
		{"markup in markup", "<p>{{ customer.evil }}</p>", page, "<header>A &amp; B</header><p>&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; &#34;co&#34;</p><footer>Mai</footer>", "A & B\n\n<script>alert('x')</script> & \"co\"\n\nMai\n"},
		{"plain text in markup", "Hi {{ customer.evil }}\n\nBye", page, "<p>Hi &lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; &#34;co&#34;</p>\n<p>Bye</p>", "Hi <script>alert('x')</script> & \"co\"\n\nBye"},
		{"plain text in plain text", "Hi", "{{ content }}\n--\nShop & co", "<p>Hi<br>\n--<br>\nShop &amp; co</p>", "Hi\n--\nShop & co\n"},
	} {
		template := dressed(emailTemplate(c.body), c.layout, nil)
		template.Front["subject"] = "A & B"
		if problems := delivery.CheckTemplate(template); problems != nil {
			t.Fatal(problems)
		}
		rendered, err := render(t, template)
		if err != nil || !strings.Contains(rendered.HTML, c.html) || !strings.Contains(rendered.Text, c.text) {
			t.Errorf("%s: %v\n%s\n%q", c.name, err, rendered.HTML, rendered.Text)
		}
		if n := strings.Count(rendered.HTML, "<body"); n != 1 {
			t.Errorf("%s: %d bodies in\n%s", c.name, n, rendered.HTML)
		}
	}
	sms := dressed(smsTemplate("Your code is {{ event.properties.total }}"), "{{ content }} STOP to end", nil)
	if rendered, err := render(t, sms); err != nil || rendered.Text != "Your code is 12.00 STOP to end\n" {
		t.Errorf("a text message: %q, %v", rendered.Text, err)
	}
}

// Layouts lie around each other, the innermost first.
func TestLayoutsAroundEachOther(t *testing.T) {
	template := dressed(emailTemplate("<b>x</b>"), "<i>{{ content }}</i>", nil)
	template.Layouts = append(template.Layouts, &lifecycle.Template{Name: "outer", Channel: "email", File: "o", Body: "<u>{{ content }}</u>", Line: 1})
	if rendered, err := render(t, template); err != nil || !strings.Contains(rendered.HTML, "<u><i><b>x</b></i></u>") {
		t.Errorf("%s, %v", rendered.HTML, err)
	}
}

func TestPartials(t *testing.T) {
	partials := map[string]string{
		"button": `<a href="{{ url }}">{{ label | default: "Go" }}</a>`,
		"card":   `{% for i in items limit: 2 %}{% capture to %}https://e.com/{{ i.name }}{% endcapture %}{% render 'partials/button', url: to, label: i.price %}{% endfor %}`,
		"peek":   `[{% if secret %}seen{% endif %}{{ journey }}]`,
	}
	for _, c := range []struct{ body, want string }{
		{`{% render 'partials/button', url: "https://e.com/?a=1&b=2", label: customer.evil %}`, `<a href="https://e.com/?a=1&amp;b=2">&lt;script&gt;`},
		{`{% render 'partials/button', url: "https://x.example" %}`, `<a href="https://x.example">Go</a>`},
		{`{% render "partials/card", items: event.properties.items %}`, `<a href="https://e.com/Tea">4.50</a><a href="https://e.com/Cup%20%26%20saucer">3</a>`},
		// A partial sees what it is given, and leaves nothing behind.
		{`{% assign secret = "s" %}<p>{% render 'partials/peek' %}{{ secret }}</p>`, `<p>[customer-lifecycle]s</p>`},
		{`{% for i in (1..2) %}{% render 'partials/button', url: "https://e.com", label: forloop.index %}{{ forloop.last }}{% endfor %}`, `<a href="https://e.com">1</a>false<a href="https://e.com">2</a>true`},
	} {
		rendered, err := render(t, dressed(emailTemplate(c.body), "", partials))
		if err != nil || !strings.Contains(rendered.HTML, c.want) {
			t.Errorf("%s: %v\n%s", c.body, err, rendered.HTML)
		}
	}
}

func TestWhatIsWrongWithLayoutsAndPartials(t *testing.T) {
	partials := map[string]string{
		"a": "{% render 'partials/b' %}", "b": "{% render 'partials/a' %}", "broken": "x\n{{ customer | nope }}", "button": "{{ url }}{{ label | default: 'x' }}",
		"p9": "end",
	}
	for i := range 9 {
		partials[fmt.Sprint("p", i)] = fmt.Sprintf("{%% render 'partials/p%d' %%}", i+1)
	}
	for _, c := range []struct{ body, layout, want string }{
		{"{% render 'partials/a' %}", "", "partials/b.liquid:1: partials/b: partials/a renders itself"},
		{"{% render 'partials/p0' %}", "", "partials render each other more than 8 deep"},
		{"{% render 'partials/broken' %}", "", `partials/broken.liquid:2: partials/broken: there is no filter "nope"`},
		{"\n{% render 'partials/button' %}", "", `thank-you.email.liquid:6: message thank-you: partials/button wants a variable "url" (write {% render 'partials/button', url: … %})`},
		{"{% render 'partials/buton', url: 1 %}", "", "there is no partials/buton (did you mean partials/button?)"},
		{"{% render 'partials/button', customer: 1 %}", "", "cannot be read"},
		{"x", "<p></p>", "layouts/base.email.liquid:1: layout base: the layout has no place for the message (write {{ content }}"},
		{"x", "{{ content }}\n{{ nothing }}", `base.email.liquid:2: layout base: there is no variable "nothing"`},
		{"{{ content }}", "", `there is no variable "content"`},
		{"{{ unsubscribe_ulr }}", "", `there is no variable "unsubscribe_ulr" (did you mean unsubscribe_url? A trait is written customer.traits.unsubscribe_ulr,`},
	} {
		template := dressed(emailTemplate(c.body), c.layout, partials)
		problems := delivery.CheckTemplate(template)
		if len(problems) != 1 || !strings.Contains(problems[0].Error(), c.want) {
			t.Errorf("%s: %v", c.body, problems)
		}
		if _, err := render(t, template); err == nil {
			t.Errorf("%s: rendered all the same", c.body)
		}
	}
}

// Where there are no partials at all, the hint says where they lie.
func TestMissingPartial(t *testing.T) {
	problems := delivery.CheckTemplate(emailTemplate("{% render 'partials/none' %}"))
	if len(problems) != 1 || problems[0].Message != "message thank-you: there is no partials/none" || problems[0].Hint != "add messages/partials/none.liquid" {
		t.Errorf("%v", problems)
	}
}

// What fails while a layout or a partial is rendered names its file and line; and all of it counts together.
func TestFailureInsideAPartial(t *testing.T) {
	partials := map[string]string{
		"name": "x\n{{ customer.nick }}", "loop": "{% for i in (1..1000) %}{% render 'partials/dot' %}{% endfor %}", "dot": "{% if customer.first_name %}.{% endif %}",
	}
	for _, c := range []struct{ body, layout, want string }{
		{"{% render 'partials/name' %}", "", "partials/name.liquid:2: partials/name: customer.nick is missing; give it a default"},
		{"<p>x</p>", "\n\n{{ customer.nick }}{{ content }}", "base.email.liquid:3: layout base: customer.nick is missing"},
		{"{% for i in (1..11) %}{% render 'partials/loop' %}{% endfor %}", "", "the template takes too many steps"},
	} {
		if _, err := render(t, dressed(emailTemplate(c.body), c.layout, partials)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.body, err)
		}
	}
}

func TestData(t *testing.T) {
	template := smsTemplate("{{ customer.first_name }}")
	template.Channel = "push"
	template.Data = map[string]string{
		"title": "Hi {{ customer.header }}", "url": "https://e.com/{{ customer.address.city }}?a={{ customer.evil }}", "icon": "{{ customer.nick | default: '' }}",
		"body.1": "{{ event.properties.total }}",
	}
	rendered, err := render(t, template)
	want := map[string]string{"title": "Hi hi Bcc: all@example.com!", "body.1": "12.00",
		"url": "https://e.com/Hu%E1%BA%BF?a=%3Cscript%3Ealert%28%27x%27%29%3C%2Fscript%3E%20%26%20%22co%22"}
	delete(template.Data, "icon")
	if err == nil {
		t.Errorf("an empty address was taken: %v", rendered.Data)
	}
	if rendered, err = render(t, template); err != nil || fmt.Sprint(rendered.Data) != fmt.Sprint(want) {
		t.Errorf("%v, %v", rendered.Data, err)
	}
	for _, address := range []string{"javascript:alert(1)", "//evil.example", "data:text/html,x", "x y"} {
		template.Data = map[string]string{"url": "{% assign a = '" + address + "' %}{{ a }}"}
		if rendered, err = render(t, template); err == nil {
			t.Errorf("%s became %v", address, rendered.Data)
		}
	}
	template.Data, template.Lines = map[string]string{"title": "{{ nothing }}"}, map[string]int{"title": 3}
	if problems := delivery.CheckTemplate(template); len(problems) != 1 || problems[0].Line != 3 || problems[0].Field != "title" {
		t.Errorf("%v", problems)
	}
}

// What may be missing for somebody is known before anybody gets the message.
func TestCheckVariables(t *testing.T) {
	partials := map[string]string{"name": "{{ name }}", "own": "{{ customer.nick }}"}
	for _, c := range []struct{ body, want string }{
		{"{{ customer.first_name }}", "customer.first_name"},
		{"{{ customer.traits['first_name'] | upcase }}", "customer.first_name"},
		{"{{ event.properties.items[0].name }}", "event.properties.items[0].name"},
		{`{{ event.properties["Order ID"] }}`, `event.properties["Order ID"]`},
		{"{% assign n = customer.nick %}{{ n }}", "customer.nick"},
		{"{% if customer.plan %}x{% endif %}{{ customer.plan }}", "customer.plan"},
		{"{% if customer.plan %}{{ customer.nick }}{% endif %}", "customer.nick"},
		{"{% render 'partials/name', name: customer.nick %}", "customer.nick"},
		{"{% render 'partials/own' %}", "customer.nick"},
		{"{{ customer.first_name | default: 'x' }}{{ customer.id }}{{ customer.email }}{{ event.name }}{{ unsubscribe_url }}{{ stage }}", ""},
		{"{{ customer.nick | upcase | default: 'x' }}", ""},
		{"{% if customer.nick %}{{ customer.nick }}{% endif %}{% unless customer.plan == blank %}{{ customer.traits.plan }}{% endunless %}", ""},
		{"{% if event.properties.items.size > 0 %}{{ event.properties.items }}{% endif %}", ""},
		{"{% if customer.vip %}a{% elsif customer.nick contains 'x' %}{{ customer.nick }}{% endif %}", ""},
		{"{% case customer.plan %}{% when 'gold' %}{{ customer.plan }}{% endcase %}", ""},
		{"{% for item in event.properties.items %}{{ item.name }}{% endfor %}", ""},
		{"{% assign n = customer.nick | default: 'x' %}{{ n }}{% assign m = customer.nick %}{% if m %}{{ m }}{% endif %}", ""},
		{"{% render 'partials/name', name: 'x' %}", ""},
	} {
		template := dressed(emailTemplate(c.body), "", partials)
		if problems := delivery.CheckTemplate(template); problems != nil {
			t.Errorf("%s: %v", c.body, problems)
		}
		problems := delivery.CheckVariables(template)
		if c.want == "" && len(problems) > 0 || c.want != "" && (len(problems) != 1 || !strings.Contains(problems[0].Message, "not everybody has "+c.want+",")) {
			t.Errorf("%s: %v", c.body, problems)
		}
	}
	if problems := delivery.CheckVariables(smsTemplate("{{ customer.email }}")); len(problems) != 1 {
		t.Errorf("a text message to somebody without a mail address: %v", problems)
	}
}

// What somebody is owed has no link to unsubscribe, and a message that prints it all the same is refused before it stops every
// receipt, wherever the link stands. Asking for it is fine.
func TestLinksThatAMessageDoesNotHave(t *testing.T) {
	partials := map[string]string{
		"stop": `<a href="{{ unsubscribe_url }}">Stop</a>`, "around": "{% render 'partials/stop' %}", "link": `<a href="{{ to }}">Stop</a>`,
		"asks": `{% if unsubscribe_url %}<a href="{{ unsubscribe_url }}">Stop</a>{% endif %}`, "friend": "{{ referral_url }}",
	}
	for _, c := range []struct{ body, layout, want string }{
		{`<a href="{{ unsubscribe_url }}">Stop</a>`, "", "thank-you.email.liquid:5: message thank-you: unsubscribe_url is there in marketing only, and message thank-you is transactional"},
		{"<p>x</p>", `{{ content }}<a href="{{ unsubscribe_url }}">Stop</a>`, "base.email.liquid:1: layout base: unsubscribe_url is there in marketing only"},
		{"{% assign to = unsubscribe_url %}{{ to }}", "", "unsubscribe_url is there in marketing only"},
		{"<p>x</p>", "{{ content }}\n{% render 'partials/around' %}", "base.email.liquid:2: layout base: unsubscribe_url, which partials/around prints, is there in marketing only"},
		{"{% render 'partials/link', to: unsubscribe_url %}", "", "unsubscribe_url is there in marketing only"},
		{"{% if unsubscribe_url %}{% render 'partials/around' %}{% endif %}", "", ""},
		{`{% if unsubscribe_url %}<a href="{{ unsubscribe_url }}">Stop</a>{% endif %}`, `{{ content }}{% render 'partials/asks' %}`, ""},
		{`<a href="{{ unsubscribe_url | default: preferences_url }}">Stop</a>`, "", ""},
	} {
		template := dressed(emailTemplate(c.body), c.layout, partials)
		if problems := delivery.CheckTemplate(template); len(problems) > 0 {
			t.Errorf("%s in marketing: %v", c.body, problems)
		}
		template.Front["kind"] = "transactional"
		problems := delivery.CheckTemplate(template)
		if c.want == "" && len(problems) > 0 || c.want != "" && (len(problems) != 1 || !strings.Contains(problems[0].Error(), c.want)) {
			t.Errorf("%s: %v", c.body, problems)
		}
		if _, err := delivery.NewRenderer().Render(&template, "", delivery.Scope{Preferences: "https://x.example/p/1", PublicURL: "https://x.example"}); (err != nil) != (c.want != "") {
			t.Errorf("%s: rendered: %v", c.body, err)
		}
	}
	for body, want := range map[string]string{
		"{{ referral_url }}":             "referral_url is there only with --referral-url",
		"{% render 'partials/friend' %}": "referral_url, which partials/friend prints, is there only with",
		"{% if referral_url %}{% render 'partials/friend' %}{% endif %}": "",
		"{{ referral_url | default: public_url }}":                       "",
	} {
		template := dressed(emailTemplate(body), "", partials)
		problems := delivery.CheckVariables(template)
		if want == "" && len(problems) > 0 || want != "" && (len(problems) != 1 || !strings.Contains(problems[0].Error(), want)) {
			t.Errorf("%s: %v", body, problems)
		}
		if problems = delivery.MissingVariables(template, func(name string) bool { return name == "referral_url" }); len(problems) > 0 {
			t.Errorf("%s where there are such links: %v", body, problems)
		}
	}
}

// Whatever is written into a message, a layout and a partial, they are refused or rendered within bounds.
func FuzzLayouts(f *testing.F) {
	f.Add("<p>{{ customer.first_name }}</p>{% render 'partials/x', a: 1 %}", "<b>{{ content }}</b>", "{{ a }}{% for i in (1..9) %}{{ i }}{% endfor %}", "https://e.com/{{ customer.first_name }}")
	f.Add("{% render 'partials/x' %}", "{{ content | upcase }}{% render 'partials/x' %}", "{% render 'partials/x' %}", "{{ customer.evil }}")
	f.Add("x", "{% capture y %}{{ content }}{% endcapture %}{{ y }}", "{% break %}", "{%")
	f.Fuzz(func(t *testing.T, body, layout, partial, link string) {
		template := dressed(emailTemplate(body), layout, map[string]string{"x": partial})
		template.Data = map[string]string{"url": link}
		problems := delivery.CheckTemplate(template)
		delivery.CheckVariables(template)
		rendered, err := render(t, template)
		if len(problems) > 0 && err == nil {
			t.Errorf("it was rendered in spite of %v", problems)
		}
		if len(rendered.HTML) > 3*delivery.MaxTemplateOutput || strings.ContainsAny(rendered.Data["url"], "\r\n") {
			t.Errorf("%d bytes, link %q", len(rendered.HTML), rendered.Data["url"])
		}
	})
}
