package delivery_test

import (
	"encoding/json"
	"html"
	"net/url"
	"strings"
	"testing"

	"stagecraft/app/delivery"
	"stagecraft/app/lifecycle"

	nethtml "golang.org/x/net/html"
)

// linkScope is testScope with values that mean something in an address.
func linkScope(value string) delivery.Scope {
	s := testScope()
	customer := *s.Customer
	customer.Traits = map[string]json.RawMessage{}
	for name, value := range map[string]string{"email": "mai@example.com", "q": value, "url": "https://shop.example/cart?a=1&b=2", "bad": "javascript:alert(1)", "far": "https://evil.example/phish",
		"path": "shoes/red", "up": "../admin", "slash": "/evil.example", "dot": ".evil.example", "mail": "mailto:mai@example.com", "plus": "+84 90", "none": "", "picture": "iVBOR/w0+Gg="} {
		customer.Traits[name] = text(value)
	}
	s.Customer = &customer
	s.PublicURL, s.Unsubscribe = "https://mail.example", "https://mail.example/u/t"
	return s
}

func text(value string) json.RawMessage {
	data, _ := json.Marshal(value)
	return data
}

func TestAddressesInHTML(t *testing.T) {
	for _, c := range []struct{ body, want string }{
		{`<a href="https://shop.example/?q={{ customer.q }}&ok=1">x</a>`, `href="https://shop.example/?q=a%20b%26ok%3D2%23frag&ok=1"`},
		{`<a href='https://shop.example/{{ customer.q }}/x'>x</a>`, `href='https://shop.example/a%20b%26ok%3D2%23frag/x'`},
		{`<a href=https://shop.example/?q={{ customer.q }} class=c>x</a>`, `href=https://shop.example/?q=a%20b%26ok%3D2%23frag class=c>`},
		{`<a href={{ customer.url }}>x</a>`, `href=https://shop.example/cart?a=1&amp;b=2>`},
		{`<a HREF = " {{ customer.url }}">x</a>`, `HREF = " https://shop.example/cart?a=1&amp;b=2"`},
		{`<a href="{{ customer.url }}&q={{ customer.q }}">x</a>`, `cart?a=1&amp;b=2&q=a%20b%26ok%3D2%23frag"`},
		{`<a href="{{ customer.q | escape | prepend: 'https://e.com/' }}">x</a>`, `href="https://e.com/a%20b&amp;amp;ok=2#frag"`},
		{`<a href="https://e.com/?q={{ customer.q | escape }}">x</a>`, `href="https://e.com/?q=a%20b%26ok%3D2%23frag"`},
		{`<a href="https://e.com/?q={{ customer.q | url_encode }}">x</a>`, `href="https://e.com/?q=a+b%26ok%3D2%23frag"`},
		{`{% assign q = customer.q | url_encode %}<a href="https://e.com/?q={{ q }}">x</a>`, `href="https://e.com/?q=a+b%26ok%3D2%23frag"`},
		{`<a href="https://e.com/{{ customer.path }}">x</a>`, `href="https://e.com/shoes/red"`},
		{`<a href="https://e.com{{ customer.slash }}">x</a>`, `href="https://e.com/evil.example"`},
		{`<a href="/{{ customer.slash }}">x</a>`, `href="/%2Fevil.example"`},
		{`<a href="https://e.com/{{ customer.up }}">x</a>`, `href="https://e.com/..%2Fadmin"`},
		{`<a href="{% if customer.none == blank %}https://e.com/{% else %}{{ customer.far }}{% endif %}?q={{ customer.q }}">x</a>`, `href="https://e.com/?q=a%20b%26ok%3D2%23frag"`},
		{`<a {% if customer.q %}href="https://e.com/?q={% else %}title="{% endif %}{{ customer.q }}">{{ customer.q }}</a>`, `href="https://e.com/?q=a%20b%26ok%3D2%23frag">a b&amp;ok=2#frag</a>`},
		{`{% capture link %}https://e.com/?q={{ customer.q }}{% endcapture %}<a href="{{ link }}">x</a>`, `href="https://e.com/?q=a%20b%26ok%3D2%23frag"`},
		{`{% capture link %}https://e.com/?q={{ customer.q }}&region=hn&amp;section=2&copy=3{% endcapture %}<a href="{{ link }}">x</a>`,
			`href="https://e.com/?q=a%20b%26ok%3D2%23frag&amp;region=hn&amp;section=2&amp;copy=3"`},
		{`{% capture b %}<b>{{ customer.q }}</b>{% endcapture %}{{ b }}`, `<b>a b&amp;ok=2#frag</b>`},
		{`<a href="{{ customer.mail }}">x</a><a href="mailto:{{ customer.email }}?subject={{ customer.q }}">x</a><a href="tel:{{ customer.plus }}">`,
			`href="mailto:mai@example.com">x</a><a href="mailto:mai@example.com?subject=a%20b%26ok%3D2%23frag">x</a><a href="tel:+84%2090">`},
		{`<img src="https://e.com/i.png?q={{ customer.q }}" srcset="{{ customer.url }} 1x, https://e.com/{{ customer.path }} 2x">`,
			`src="https://e.com/i.png?q=a%20b%26ok%3D2%23frag" srcset="https://shop.example/cart?a=1&amp;b=2 1x, https://e.com/shoes/red 2x"`},
		{`<td background="{{ customer.url }}" style="color:red;background:url('https://e.com/{{ customer.q }}') {{ customer.q }}">`,
			`background="https://shop.example/cart?a=1&amp;b=2" style="color:red;background:url('https://e.com/a%20b%26ok%3D2%23frag') a b&amp;ok=2#frag"`},
		{`<style>p { background: url({{ customer.url }}) } </style><p title="{{ customer.q }}">`, `url(https://shop.example/cart?a=1&amp;b=2) } </style><p title="a b&amp;ok=2#frag">`},
		{`<p title={{ customer.q }} id=x>`, `<p title=a&#32;b&amp;ok&#61;2#frag id=x>`},
		{`<!--[if mso]><v:rect href="https://e.com/?q={{ customer.q }}"><![endif]--><!-- <a href=" -->{{ customer.q }}`,
			`href="https://e.com/?q=a%20b%26ok%3D2%23frag"><![endif]--><!-- <a href=" -->a b&amp;ok=2#frag`},
		{`<a href="{{ unsubscribe_url }}">x</a><a href="{{ public_url }}/x?u={{ unsubscribe_url }}">x</a>`, `<a href="https://mail.example/u/t">x</a><a href="https://mail.example/x?u=https%3A%2F%2Fmail.example%2Fu%2Ft">`},
		{`<img src="data:image/png;base64,{{ customer.picture }}">`, `src="data:image/png;base64,iVBOR/w0+Gg="`},
		{`<td style="background:url('data:image/png;base64,{{ customer.picture }}')">`, `url('data:image/png;base64,iVBOR/w0+Gg=')`},
		{`<a href="{{ customer.gone | default: "#" }}">x</a>`, `<a href="#">x</a>`},
		{`<a href="shop://product-{{ customer.q }}">x</a><a href="shop://product/{{ customer.q }}">x</a>`,
			`href="shop://product-a%20b%26ok%3D2%23frag">x</a><a href="shop://product/a%20b%26ok%3D2%23frag"`},
		{`<img src="{{ customer.none }}"><a href="{{ customer.bad | raw }}">`, `<img src=""><a href="javascript:alert(1)">`},
		{`{% for i in (1..2) %}<a href="https://e.com/{{ i }}?q={{ customer.q }}">{{ i }} {{ customer.q }}</a>{% endfor %}`, `<a href="https://e.com/2?q=a%20b%26ok%3D2%23frag">2 a b&amp;ok=2#frag</a>`},
		{`{% render 'partials/button', url: customer.url, q: customer.q %}{{ customer.q }}`, `<a href="https://shop.example/cart?a=1&amp;b=2">a b&amp;ok=2#frag</a>a b&amp;ok=2#frag`},
		{`<a href="{% render 'partials/address', q: customer.q %}">{{ customer.q }}</a>`, `<a href="https://e.com/?q=a%20b%26ok%3D2%23frag">a b&amp;ok=2#frag</a>`},
	} {
		template := dressed(emailTemplate(c.body), "", linkPartials())
		rendered, err := delivery.NewRenderer().Render(&template, "", linkScope("a b&ok=2#frag"))
		if err != nil || !strings.Contains(rendered.HTML, c.want) {
			t.Errorf("%s\nbecame %s, %v\nnot    %s", c.body, rendered.HTML, err, c.want)
		}
	}
}

func linkPartials() map[string]string {
	return map[string]string{"button": `<a href="{{ url }}">{{ q }}</a>`, "address": `https://e.com/?q={{ q }}`}
}

// What an address must not become stops the message.
func TestAddressesThatAreRefused(t *testing.T) {
	for _, body := range []string{
		`<a href="{{ customer.bad }}">x</a>`, `<a href='{{ customer.q }}'>x</a>`, `<a href={{ customer.bad }}>x</a>`, `<a href="{{ customer.bad | escape }}">x</a>`,
		`{% capture b %}{{ customer.bad }}{% endcapture %}<a href="{{ b }}">x</a>`, `{% render 'partials/button', url: customer.bad, q: 1 %}`,
		`<a href="javascript:x('{{ customer.q }}')">`, `<a href="https://e.com{{ customer.dot }}">`, `<a href="https://{{ customer.up }}/">`, `<a href="https:{{ customer.up }}/">`,
		`<a href="data:image/png;base64,{{ customer.picture }}">`, `<img src="data:image/svg+xml;base64,{{ customer.picture }}">`, `<img src="data:image/png;base64,{{ customer.q }}">`,
		`<img src="data:text/html;base64,{{ customer.picture }}">`, `<img src="data:image/png,{{ customer.picture }}">`, `<a href="{{ customer.q | default: "#" }}">`,
		`<img src="{{ customer.mail }}">`, `<p style="background:url({{ customer.bad }})">`, `<a {% if customer.q %}href="{% endif %}{{ customer.bad }}">`,
	} {
		template := dressed(emailTemplate(body), "", linkPartials())
		if rendered, err := delivery.NewRenderer().Render(&template, "", linkScope("x y")); err == nil {
			t.Errorf("%s became %s", body, rendered.HTML)
		}
	}
}

// A message says which hosts its links may lead to.
func TestHostsOfLinks(t *testing.T) {
	for _, c := range []struct{ links, body, want string }{
		{"shop.example", `<a href="{{ customer.url }}">x</a>`, ""},
		{"example.org, Shop.Example", `<a href="https://{{ customer.host }}/x">x</a>`, ""},
		{"shop.example", `<a href="{{ customer.far }}">x</a>`, "lead to evil.example, which the message does not allow"},
		{"own", `<a href="{{ customer.url }}">x</a>`, "lead to shop.example"},
		{"own", `<a href="{{ unsubscribe_url }}">x</a>{% assign u = unsubscribe_url | append: "?a" %}<a href="{{ u }}">x</a>`, ""},
		{"any", `<a href="{{ customer.far }}">x</a>`, ""},
		{"vil.example", `<a href="{{ customer.far }}">x</a>`, "lead to evil.example"},
	} {
		template := emailTemplate(c.body)
		template.Front = map[string]string{"links": c.links}
		scope := linkScope("x")
		scope.Customer.Traits["host"] = text("www.shop.example")
		_, err := delivery.NewRenderer().Render(&template, "", scope)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %s: %v", c.links, c.body, err)
		}
	}
	push := smsTemplate("x")
	push.Channel, push.Front, push.Data = "push", map[string]string{"links": "shop.example"}, map[string]string{"url": "{{ customer.far }}"}
	if _, err := delivery.NewRenderer().Render(&push, "", linkScope("x")); err == nil {
		t.Error("the url of a push led anywhere")
	}
	push.Data = map[string]string{"url": "shop://product-{{ customer.q }}"} // another program's, which has no hosts
	if rendered, err := delivery.NewRenderer().Render(&push, "", linkScope("a b")); err != nil || rendered.Data["url"] != "shop://product-a%20b" {
		t.Errorf("%q %v", rendered.Data, err)
	}
}

func TestCheckLinks(t *testing.T) {
	for _, c := range []struct{ body, links, want string }{
		{"<p>\n<a href=\"{{ customer.url }}\">x</a>", "", "6: message thank-you: this link leads wherever {{ customer.url }} says"},
		{`<a href="https://{{ customer.host }}/x">`, "", "customer.host"},
		{`<a href="{% if customer.url %}{{ customer.url }}{% else %}https://e.com{% endif %}">`, "", "customer.url"},
		{`{% render 'partials/button', url: customer.url, q: 1 %}`, "", "wherever {{ url }} says"},
		{`{% capture u %}{{ customer.url }}{% endcapture %}<a href="{{ u }}">`, "", "{{ u }}"},
		{`<a href="{{ customer.url }}">`, "shop.example", ""},
		{`<a href="{{ customer.url }}">`, "any", ""},
		{`<a href="{{ unsubscribe_url }}"><a href="{{ public_url }}/{{ customer.q }}"><a href="https://e.com/{{ customer.q }}"><p title="{{ customer.q }}">`, "", ""},
		{`{% render 'partials/button', url: preferences_url, q: 1 %}{% render 'partials/button', url: "https://e.com", q: 1 %}`, "", ""},
		{`{% assign u = "https://e.com/?q=" | append: customer.q %}<a href="{{ u }}">{% capture v %}https://e.com/{{ customer.q }}{% endcapture %}<a href="{{ v }}">`, "", ""},
		{`no markup: {{ customer.url }}`, "", ""},
	} {
		template := dressed(emailTemplate(c.body), "", linkPartials())
		template.Front["links"] = c.links
		problems := delivery.CheckLinks(template)
		if c.want == "" && len(problems) > 0 || c.want != "" && (len(problems) != 1 || !strings.Contains(problems[0].Error(), c.want)) {
			t.Errorf("%s: %v", c.body, problems)
		}
	}
	push := smsTemplate("x")
	push.Channel, push.Data, push.Lines = "push", map[string]string{"url": "{{ customer.url }}"}, map[string]int{"url": 3}
	if problems := delivery.CheckLinks(push); len(problems) != 1 || problems[0].Line != 3 {
		t.Errorf("push: %v", problems)
	}
}

// Whatever a value is, a link leads where the template says, and its other parameters stay.
func FuzzAddresses(f *testing.F) {
	for _, seed := range []string{"a b&ok=2#frag", "javascript:alert(1)", "//evil.example", "https://evil.example", ".evil.example", "@evil.example", `\\evil`, `"><script>`, "' x=", "%2e%2e/", "../..", "\n\t", "&#x2f;", "1) url(x"} {
		f.Add(seed)
	}
	template := lifecycle.Template{Name: "x", Channel: "email", File: "x.email.liquid", Line: 1, Front: map[string]string{},
		Body: `<a href="https://shop.example/p?q={{ customer.q }}&amp;ok=1">a</a><a href='https://shop.example/p/{{ customer.q }}/e?ok=1'>b</a><a href=https://shop.example/p?q={{ customer.q }}&amp;ok=1>c</a><img src="https://shop.example/p/{{ customer.q }}?ok=1">`}
	renderer := delivery.NewRenderer()
	f.Fuzz(func(t *testing.T, value string) {
		value = strings.ToValidUTF8(value, "") // as JSON has it
		scope := linkScope(value)
		rendered, err := renderer.RenderParts(&template, "fuzz", scope)
		if err != nil {
			return
		}
		found := 0
		tokens := nethtml.NewTokenizer(strings.NewReader(rendered.HTML))
		for tokens.Next() != nethtml.ErrorToken {
			token := tokens.Token()
			for _, a := range token.Attr {
				if a.Key != "href" && a.Key != "src" {
					t.Fatalf("%q made an attribute: %s", value, rendered.HTML)
				}
				found++
				u, err := url.Parse(a.Val)
				if err != nil || u.Host != "shop.example" || u.Query().Get("ok") != "1" || len(u.Query()["ok"]) != 1 || u.Fragment != "" || u.User != nil {
					t.Fatalf("%q made %q of it: %v", value, a.Val, err)
				}
				if u.Query().Has("q") && u.Query().Get("q") != value {
					t.Fatalf("%q came out as %q", value, u.Query().Get("q"))
				}
			}
		}
		if found != 4 {
			t.Fatalf("%q: %d links in %s", value, found, rendered.HTML)
		}
		scope.Customer.Traits["whole"] = text(value)
		whole := template
		whole.Body = `<a href="{{ customer.whole }}">x</a>`
		if rendered, err = renderer.RenderParts(&whole, "", scope); err == nil {
			address, _, _ := strings.Cut(strings.TrimPrefix(rendered.HTML, `<a href="`), `"`)
			if scheme, _, _ := strings.Cut(html.UnescapeString(address), ":"); address != "" && !strings.Contains(" https http mailto tel sms ", " "+strings.ToLower(scheme)+" ") {
				t.Fatalf("%q made %q", value, address)
			}
		}
	})
}

// Whatever HTML is around an output, finding its place ends.
func FuzzPlaces(f *testing.F) {
	for _, seed := range []string{`<a href="`, `<a href=`, `<p style="background:url('`, `<style>a{b:url( "`, `<!-- `, `<!--[if mso]><a src='x`, `<a href="{% if customer.q %}https://{% else %}"{% endif %}`, `{% capture x %}https://`, `<img srcset="a 1x, `} {
		f.Add(seed, `">`)
	}
	renderer := delivery.NewRenderer()
	f.Fuzz(func(t *testing.T, before, after string) {
		template := emailTemplate(before + "{{ customer.q }}" + after)
		delivery.CheckLinks(template)
		rendered, err := renderer.RenderParts(&template, "", linkScope("a b&c=\"<'"))
		if err == nil && strings.Contains(rendered.HTML, `c="<'`) && !strings.Contains(before+after, `c="<'`) && !strings.Contains(before+after, "raw") {
			t.Fatalf("markup came through: %s", rendered.HTML)
		}
	})
}
