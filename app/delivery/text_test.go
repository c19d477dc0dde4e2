package delivery_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"stagecraft/app/delivery"
)

func TestTextOfHTML(t *testing.T) {
	for _, c := range []struct{ html, want string }{
		{`<p>Hello <b>you</b>,</p><p>see   <a href="https://example.com/a?b=1&amp;c=2">our offer</a>.</p>`, "Hello you,\n\nsee our offer (https://example.com/a?b=1&c=2).\n"},
		{`<a href="https://example.com/">https://example.com</a> <a href="mailto:a@b.c">a@b.c</a> <a href="#x">top</a>`, "https://example.com a@b.c top\n"},
		{`<a href="https://example.com"><img src="x.png" alt="Shop"></a><a href="https://e.com/p"><img src="y"></a>`, "Shop (https://example.com)https://e.com/p\n"},
		{`<ul><li>one</li><li>two<ol><li>a</li><li>b</li></ol></li></ul>end`, "- one\n- two\n  1. a\n  2. b\n\nend\n"},
		{`a<br>b<br><br>c<br><br><br><br>d`, "a\nb\n\nc\n\nd\n"},
		{`<table><tr><td>Tea</td><td>4.50</td></tr><tr><td>Cup</td><td>3</td></tr></table>`, "Tea 4.50\nCup 3\n"},
		{`<i>x</i> &amp;lt; &lt;b&gt; &#8364;&nbsp;5 &eacute;`, "x &lt; <b> € 5 é\n"},
		{`<style>p{}</style><script>var a="<p>no</p>"</script><!-- no --><div style="display: none">no<div>no</div></div><p hidden>no</p>yes`, "yes\n"},
		{`<h1>Title</h1>text<hr>more`, "Title\n\ntext\n\n----\n\nmore\n"},
		{"<pre>a\n  b\nc</pre>", "a\n  b\nc\n"},
		{`<p>never closed <a href="https://e.com">link`, "never closed link (https://e.com)\n"},
		{`</p></ul></a></li><li>x`, "- x\n"},
	} {
		rendered, err := render(t, emailTemplate(c.html))
		if err != nil {
			t.Errorf("%s: %v", c.html, err)
			continue
		}
		if rendered.Text != c.want {
			t.Errorf("%s\n got %q\nwant %q", c.html, rendered.Text, c.want)
		}
	}
}

func TestHTMLOfText(t *testing.T) {
	rendered, err := render(t, emailTemplate("Hi {{ customer.first_name }},\r\n5 > 3 & so on\n\n\n\nsee https://example.com/a?b=1&c=2. Or (http://e.com) or http:// or httpx\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := "<p>Hi Mai,<br>\n5 &gt; 3 &amp; so on</p>\n" +
		`<p>see <a href="https://example.com/a?b=1&amp;c=2">https://example.com/a?b=1&amp;c=2</a>. Or (<a href="http://e.com">http://e.com</a>) or http:// or httpx</p>`
	if !strings.Contains(rendered.HTML, want) {
		t.Errorf("got %s", rendered.HTML)
	}
	if want := "Hi Mai,\n5 > 3 & so on\n\nsee https://example.com/a?b=1&c=2. Or (http://e.com) or http:// or httpx\n"; rendered.Text != want {
		t.Errorf("got %q", rendered.Text)
	}
}

// FuzzText holds the reading of HTML to: no panic, valid UTF-8, no control characters.
func FuzzText(f *testing.F) {
	for _, seed := range []string{"<p>a</p>", "<a href='x'>y", "<ul><li><ol><li>", "<div hidden><div>", "<pre>\n\n", "&#0;&#xd800;", "<![CDATA[", "<a href=\x00>"} {
		f.Add(seed)
	}
	renderer := delivery.NewRenderer()
	f.Fuzz(func(t *testing.T, source string) {
		template := emailTemplate("<p>{{ event.name | raw }}</p>")
		scope := testScope()
		scope.Event.Name = source
		rendered, err := renderer.Render(&template, "k", scope)
		if err != nil {
			return
		}
		if !utf8.ValidString(rendered.Text) || strings.ContainsAny(rendered.Text, "\x00\r\x1b") {
			t.Errorf("text %q", rendered.Text)
		}
	})
}
