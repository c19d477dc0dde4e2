package delivery_test

import (
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
	"pgregory.net/rapid"

	"stagecraft/app/delivery"
	"stagecraft/app/lifecycle"
)

var (
	linksOf  = lifecycle.NewLinks([]byte("a key that nobody else has"), "https://example.com")
	hrefs    = regexp.MustCompile(`(?i)href="([^"]*)"`)
	pictures = regexp.MustCompile(`<img src="([^"]*)" width="1"`)
)

// tracking is a post that makes links, and tracks mails as said.
func tracking(t lifecycle.Tracking) func(p *post) {
	return func(p *post) { p.links, p.tracking = linksOf, t }
}

// addresses returns where the links of a document lead, those that are tracked as "-> URL".
func addresses(t *testing.T, document string, ref lifecycle.Ref) (list []string) {
	for _, found := range hrefs.FindAllStringSubmatch(document, -1) {
		address := html.UnescapeString(found[1])
		if parsed, err := url.Parse(address); err == nil && strings.HasPrefix(parsed.Path, "/c/") {
			link, err := linksOf.Read(parsed.Path)
			if err != nil || link.Message != ref {
				t.Errorf("%s: %+v, %v", address, link, err)
			}
			address = "-> " + link.URL
		}
		list = append(list, address)
	}
	return list
}

func TestLinksAndOpensOfMailAreTracked(t *testing.T) {
	everything := lifecycle.Tracking{Clicks: true, Opens: true}
	utm, err := lifecycle.ParseUTM("medium=email&source=the shop&campaign={journey}-{message}")
	if err != nil {
		t.Fatal(err)
	}
	body := `<p><a href="https://shop.example/a?b=1&amp;c=2#top">A</a> <A class=x HREF='http://shop.example/ünï'>B</A>
<a href=https://shop.example/plain>C</a> <a href="mailto:a@b.c">D</a> <a href="tel:+84">E</a> <a href="#f">F</a>
<!-- <a href="https://shop.example/comment">G</a> --> <a href="{{ unsubscribe_url }}">H</a> <a href="{{ preferences_url }}">I</a>
<img alt="<a href='https://shop.example/alt'>"> <a href="//shop.example/j">J</a> <a href="https://shop.example/?utm_medium=x">K</a></p>`
	for name, c := range map[string]struct {
		is    lifecycle.Tracking
		front map[string]string
		kind  lifecycle.MessageKind
		want  []string
		opens bool
	}{
		"everything": {is: everything, kind: lifecycle.Marketing, opens: true, want: []string{
			"-> https://shop.example/a?b=1&c=2#top", "-> http://shop.example/ünï", "-> https://shop.example/plain", "mailto:a@b.c", "tel:+84", "#f",
			"https://shop.example/comment", "/u/", "/p/", "//shop.example/j", "-> https://shop.example/?utm_medium=x"}},
		"what is owed too": {is: everything, kind: lifecycle.Transactional, opens: true, front: map[string]string{"kind": "transactional"}, want: []string{
			"-> https://shop.example/a?b=1&c=2#top"}},
		"not this one":         {is: everything, kind: lifecycle.Marketing, front: map[string]string{"track": "false"}, want: []string{"https://shop.example/a?b=1&c=2#top"}},
		"opens only":           {is: everything, kind: lifecycle.Marketing, front: map[string]string{"track": "opens"}, opens: true, want: []string{"https://shop.example/a?b=1&c=2#top"}},
		"nothing but this one": {kind: lifecycle.Marketing, front: map[string]string{"track": "clicks"}, want: []string{"-> https://shop.example/a?b=1&c=2#top"}},
		"utm": {is: lifecycle.Tracking{Clicks: true, UTM: utm}, kind: lifecycle.Marketing, front: map[string]string{"utm": "source=news"}, want: []string{
			"-> https://shop.example/a?b=1&c=2&utm_source=news&utm_medium=email&utm_campaign=j-tracked#top",
			"-> http://shop.example/ünï?utm_source=news&utm_medium=email&utm_campaign=j-tracked",
			"-> https://shop.example/plain?utm_source=news&utm_medium=email&utm_campaign=j-tracked", "mailto:a@b.c", "tel:+84", "#f",
			"https://shop.example/comment", "/u/", "/p/", "//shop.example/j", "-> https://shop.example/?utm_medium=x&utm_source=news&utm_campaign=j-tracked"}},
		"utm alone": {is: lifecycle.Tracking{UTM: utm}, kind: lifecycle.Marketing, want: []string{
			"https://shop.example/a?b=1&c=2&utm_source=the+shop&utm_medium=email&utm_campaign=j-tracked#top"}},
		"no utm": {is: lifecycle.Tracking{UTM: utm}, kind: lifecycle.Marketing, front: map[string]string{"utm": "false"}, want: []string{"https://shop.example/a?b=1&c=2#top"}},
	} {
		t.Run(name, func(t *testing.T) {
			conn := newConnector()
			p := newPost(t, conn, tracking(c.is))
			text := body
			if c.kind == lifecycle.Transactional {
				text = strings.ReplaceAll(text, "{{ unsubscribe_url }}", "https://shop.example/u/x")
			}
			front := map[string]string{"subject": "Hello"}
			for key, value := range c.front {
				front[key] = value
			}
			p.templates["tracked"] = &lifecycle.Template{Front: front, Body: text}
			p.run()
			m := p.send(p.customer("email", "ada@example.com"), c.kind, "tracked")
			full := p.becomes(m, lifecycle.Accepted)
			sent := conn.sendings(m)[0].Rendered
			got := addresses(t, sent.HTML, m.Ref())
			for i, want := range c.want {
				if got[i] != want && !(len(want) == 3 && strings.HasPrefix(got[i], "https://example.com"+want)) {
					t.Errorf("link %d leads to %q, want %q", i, got[i], want)
				}
			}
			picture := pictures.FindStringSubmatch(sent.HTML)
			if (picture != nil) != c.opens {
				t.Errorf("the picture is %q", picture)
			} else if picture != nil {
				if link, err := linksOf.Read(strings.TrimPrefix(picture[1], "https://example.com")); err != nil || link.Purpose != lifecycle.ToOpen || link.Message != m.Ref() {
					t.Errorf("%s: %+v, %v", picture[1], link, err)
				}
				if !strings.Contains(sent.HTML[strings.Index(sent.HTML, picture[0]):], "</body>") {
					t.Error("the picture stands behind the body")
				}
			}
			if !strings.Contains(sent.HTML, `<img alt="<a href='https://shop.example/alt'>">`) {
				t.Error("what stands in an attribute was changed")
			}
			if strings.Contains(sent.Text, "/c/") || strings.Contains(sent.Text, "/o/") || !strings.Contains(sent.Text, "https://shop.example/a?b=1&c=2#top") {
				t.Errorf("the text is\n%s", sent.Text)
			}
			if strings.Contains(full.Rendered.HTML, "/c/") {
				t.Error("links are stored")
			}
		})
	}
}

// An address means what it means to a browser: a parameter whose name begins like an entity without a semicolon is one.
func TestAddressesAreReadAsBrowsersDo(t *testing.T) {
	read := func(document string) (address string) {
		delivery.WithLinks(document, "", func(a string) string {
			address = a
			return a
		})
		return address
	}
	for written, want := range map[string]string{
		"?id=1&region=hn&currency=VND&section=2&copy=3": "?id=1&region=hn&currency=VND&section=2&copy=3",
		"?a=1&amp;region=2&amp;amp=3&amp=4":             "?a=1&region=2&amp=3&amp=4",
		"?a=1&copy;&copy&reg":                           "?a=1©©®",
		"?a=1&notit;&notin;&#38;x=&#x26;y":              "?a=1&notit;∉&x=&y",
		"?a&":                                           "?a&", "?&&b=;": "?&&b=;", "?a&=1": "?a&=1", "?&semi;&acE;&ampx": "?;∾̳&ampx",
	} {
		if got := read(`<a href="https://e.com/` + written + `">x</a>`); got != "https://e.com/"+want {
			t.Errorf("%s leads to %s, want %s", written, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOf(rapid.SampledFrom([]string{"&", "amp", "copy", "reg", "not", "notin", "lt", "#38", "#x26", ";", "=", "it", "1", "é", "/", "Aacute", "acE", "zz"})).Draw(t, "parts")
		document := `<a href="https://e.com/` + strings.Join(parts, "") + `.">x</a>`
		tokens := html.NewTokenizer(strings.NewReader(document))
		tokens.Next()
		if want := tokens.Token().Attr[0].Val; read(document) != want {
			t.Errorf("%s leads to %s, want %s", document, read(document), want)
		}
	})
}

// Every attempt sends the same bytes, also after a new start; tracked links lead to a domain of their own.
func TestRetriesTrackTheSameLinks(t *testing.T) {
	conn := replies(lifecycle.Receipt{Outcome: lifecycle.OutcomeTemporary, Reason: "later", RetryAfter: time.Minute})
	p := newPost(t, conn, tracking(lifecycle.Tracking{Clicks: true, Opens: true}), func(p *post) { p.trackURL = "https://go.shop.example" })
	p.templates["tracked"] = &lifecycle.Template{Front: map[string]string{"subject": "Hello"}, Body: `<a href="https://shop.example/">A</a>`}
	p.run()
	m := p.send(p.customer("email", "ada@example.com"), lifecycle.Marketing, "tracked")
	p.queuedFor(m, start.Add(time.Minute))
	first := conn.sendings(m)[0].Rendered
	p.stop()
	p.crash()
	p.run()
	p.clock.Advance(time.Minute)
	p.becomes(m, lifecycle.Accepted)
	again := p.connector.sendings(m)[0].Rendered
	if first.HTML != again.HTML || first.Text != again.Text || first.Text == "" {
		t.Errorf("the first time\n%s\nthe second time\n%s", first.HTML, again.HTML)
	}
	if strings.Count(first.HTML, `"https://go.shop.example/c/`) != 1 || strings.Count(first.HTML, `"https://go.shop.example/o/`) != 1 {
		t.Error(first.HTML)
	}
	for _, url := range []string{`"https://example.com/u/`, `"https://example.com/p/`} {
		if strings.Count(first.HTML, url) != 1 {
			t.Errorf("%s stands there %d times", url, strings.Count(first.HTML, url))
		}
	}
}

// What becomes of HTML is what a tokenizer that follows the standard sees before, but for the links.
func FuzzTrackedLinks(f *testing.F) {
	for _, seed := range []string{`<a href="x">`, `<a href=x/>`, `<a href='x' href=y>`, `<a/href=x>`, `<a =href=x>`, `<a href=>`, `<a href`, `<!--><a href=x>`,
		`<!-- --!><a href=x>`, `<p title="<a href='y'>"><a href=x>`, `<style><a href=x></style><a href=y>`, `<title><a href=x></titles></title x><a href=y>`,
		`</a href=x>`, `</ <a href=x>`, `<! <a href=x>`, `<A HREF = "x&amp;y" >`, `<area href=x>`, "<a\fhref=x>", `<a href="a"b>`, `<textarea><a href=x>`} {
		f.Add(seed)
	}
	f.Add(`<title ></title0><A href=0>`)
	f.Add(`<body><a href=https://shop.example/x</body></html>`)
	f.Add(`<body><a href="https://x>Shop</a></body><!-- "end" -->`)
	f.Fuzz(func(t *testing.T, source string) {
		if lower := strings.ToLower(source); strings.Contains(lower, "<script") || strings.Contains(lower, "<plaintext") || strings.ContainsAny(source, "\x00\r") {
			return // not what mails have, and the tokenizer changes some bytes itself
		}
		if same := delivery.WithLinks(source, "", func(address string) string { return address }); same != source {
			t.Fatalf("%q became %q, though nothing was to be changed", source, same)
		}
		changed := delivery.WithLinks(source, "", func(string) string { return `new"<` })
		const tail = "<img tail>"
		if tailed := delivery.WithLinks(source, tail, func(string) string { return `new"<` }); !strings.Contains(source, "tail") && strings.Replace(tailed, tail, "", 1) != changed {
			t.Fatalf("%q became %q with a tail", source, tailed)
		}
		before, after := html.NewTokenizer(strings.NewReader(source)), html.NewTokenizer(strings.NewReader(changed))
		for {
			kind := before.Next()
			if after.Next() != kind {
				t.Fatalf("%q became %q, which reads differently", source, changed)
			}
			if kind == html.ErrorToken {
				return
			}
			a, b := before.Token(), after.Token()
			for i := range a.Attr {
				if (kind == html.StartTagToken || kind == html.SelfClosingTagToken) && (a.Data == "a" || a.Data == "area") && a.Attr[i].Key == "href" {
					if a.Attr[i].Val != "" && b.Attr[i].Val != `new"<` {
						t.Fatalf("%q became %q: a link stays", source, changed)
					}
					a.Attr[i].Val = b.Attr[i].Val
					break
				}
			}
			if kind != html.SelfClosingTagToken && kind != html.StartTagToken && a.String() != b.String() || a.Data != b.Data || len(a.Attr) != len(b.Attr) {
				t.Fatalf("%q became %q: %q is %q", source, changed, a, b)
			}
		}
	})
}

func BenchmarkTracked(b *testing.B) {
	page := delivery.Whole(lifecycle.Rendered{HTML: strings.Repeat("<p style=\"margin:0 0 12px\">Something to <b>read</b> about this and that.</p>\n", 60) +
		strings.Repeat(`<a href="https://shop.example/a?b=1&amp;c=2" style="color:#123456">Look</a>`, 3), Layout: 1}).HTML
	ref := lifecycle.Ref{Partition: 1, Decided: start, ID: lifecycle.HashID("x")}
	b.SetBytes(int64(len(page)))
	b.ReportAllocs()
	for b.Loop() {
		delivery.WithLinks(page, "", func(address string) string { return linksOf.Click(ref, address) })
	}
}
