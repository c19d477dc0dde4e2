package script_test

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"testing/fstest"

	"stagecraft/app/script"
)

const dressedMail = "---\nsubject: Hi\nkind: transactional\nlayout: base\n---\n<p>Hi</p>{% render 'partials/footer' %}\n"

func dressedFolder() fstest.MapFS {
	folder := fstest.MapFS{}
	for name, text := range map[string]string{
		"care/journey.lua":                               `journey { title = "Care", stages = { "member" } }`,
		"care/member.lua":                                "enter(function(customer)\n  send \"hello\"\nend)\n",
		"care/messages/hello.email.liquid":               dressedMail,
		"care/messages/hello.email.vi.liquid":            dressedMail,
		"care/messages/hello.push.liquid":                "---\nkind: transactional\ntitle: Hi {{ customer.id }}\nurl: https://e.com/\ndata: { badge: 3 }\n---\nHello\n",
		"care/messages/layouts/base.email.liquid":        "<main>{{ content }}</main>\n",
		"care/messages/partials/footer.liquid":           "own\n",
		"lib/layouts/base.email.vi.liquid":               "---\nlayout: frame\n---\n<section>{{ content }}</section>\n",
		"lib/layouts/frame.email.liquid":                 "<body>{{ content }}</body>\n",
		"lib/layouts/other.email.liquid":                 "{{ content }}\n",
		"lib/partials/footer.liquid":                     "shared\n",
		"lib/partials/unused.liquid":                     "unused\n",
		"care/messages/layouts/.hidden.email.liquid.swp": "x",
	} {
		folder[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return folder
}

// A journey has its own layouts and partials and of lib those that it names, in the languages of its messages; all of them
// are part of its version.
func TestLayoutsAndPartials(t *testing.T) {
	folder := dressedFolder()
	sources, err := script.ReadSources(folder)
	if err != nil || len(sources) != 1 {
		t.Fatal(sources, err)
	}
	source := sources[0]
	files := strings.Join(source.Paths(), " ")
	if !strings.Contains(files, "lib/layouts/base.email.vi.liquid lib/layouts/frame.email.liquid member.lua messages/") || strings.Contains(files, "unused") || strings.Contains(files, "other") || strings.Contains(files, "hidden") {
		t.Errorf("the files are %s", files)
	}
	host := script.New(script.Limits{})
	program, err := host.Compile(source)
	if err != nil {
		t.Fatal(err)
	}
	names := func(locale string) string {
		template, _ := program.Template("hello", "email", locale)
		if template.Partials["partials/footer"].Body != "own\n" {
			t.Errorf("the journey's own partial comes first: %q", template.Partials["partials/footer"].Body)
		}
		var list []string
		for _, layout := range template.Layouts {
			list = append(list, layout.File)
		}
		return strings.Join(list, " ")
	}
	if got := names(""); got != "care/messages/layouts/base.email.liquid" {
		t.Errorf("the layout is %s", got)
	}
	if got := names("vi-VN"); got != "lib/layouts/base.email.vi.liquid lib/layouts/frame.email.liquid" {
		t.Errorf("the Vietnamese layouts are %s", got)
	}
	push, _ := program.Template("hello", "push", "")
	if got := fmt.Sprint(push.Data); got != "map[badge:3 title:Hi {{ customer.id }} url:https://e.com/]" || push.Lines["url"] != 4 {
		t.Errorf("a push message says %s in %v", got, push.Lines)
	}
	if problems := host.Check(source); len(problems) > 0 {
		t.Error(problems)
	}
	version := source.Version()
	folder["lib/layouts/frame.email.liquid"] = &fstest.MapFile{Data: []byte("<body>new {{ content }}</body>\n")}
	if sources, _ = script.ReadSources(folder); sources[0].Version() == version {
		t.Error("a changed layout is the same version")
	}
}

// A text in another language that says nothing of its kind has that of the file without a language.
func TestKindHoldsInEveryLanguage(t *testing.T) {
	sources, err := script.ReadSources(dressedFolder())
	if err != nil {
		t.Fatal(err)
	}
	sources[0].Files["messages/hello.email.vi.liquid"] = []byte("---\nsubject: Chào\n---\n<p>Chào</p>\n")
	program, err := script.New(script.Limits{}).Compile(sources[0])
	if err != nil {
		t.Fatal(err)
	}
	if template, _ := program.Template("hello", "email", "vi"); template.Locale != "vi" || template.Front["kind"] != "transactional" {
		t.Errorf("%s is of the kind %q", template.File, template.Front["kind"])
	}
}

func TestWhatIsWrongWithFrontMatter(t *testing.T) {
	for _, c := range []struct {
		change map[string]string
		want   string
	}{
		{map[string]string{"messages/hello.email.liquid": "---\nsubject: x\nlayout: bse\n---\n"}, `care/messages/hello.email.liquid:3: there is no layout "bse" for email without a language (did you mean "base"?)`},
		{map[string]string{"messages/layouts/base.email.liquid": "---\nlayout: base\n---\n{{ content }}"}, `care/messages/layouts/base.email.liquid:2: the layout "base" lies around itself`},
		{map[string]string{"messages/layouts/base.email.liquid": "---\nsubject: base\n---\n{{ content }}"}, `base.email.liquid:2: the front matter of a layout names only the layout around it, not subject`},
		{map[string]string{"messages/layouts/base.liquid": "x"}, `the file's name does not say which layout and channel it is`},
		{map[string]string{"messages/partials/a.b.liquid": "x"}, `the file's name does not say which partial it is`},
		{map[string]string{"messages/hello.email.liquid": "---\nsubject: x\ntitle: y\n---\n"}, `:3: front matter has no "title"`},
		{map[string]string{"messages/hello.push.liquid": "---\ntitle: {{ x }}\n---\n"}, "write"},
		{map[string]string{"messages/hello.push.liquid": "---\ndata: [a]\n---\n"}, ":2: data must be lines of the form key: value"},
		{map[string]string{"messages/hello.push.liquid": "---\ndata: { 'a b': c }\n---\n"}, `"a b" cannot name a value for the connector`},
		{map[string]string{"messages/hello.push.liquid": "---\ntitle: a\ndata: { title: b }\n---\n"}, "title is there twice"},
		{map[string]string{"messages/hello.email.liquid": "---\nsubject: x\ntrack: no\n---\n"}, `:3: "no" says nothing about tracking`},
		{map[string]string{"messages/hello.email.liquid": "---\nsubject: x\nutm: { campain: y }\n---\n"}, `:3: there is no UTM parameter "campain"`},
	} {
		sources, err := script.ReadSources(dressedFolder())
		if err != nil {
			t.Fatal(err)
		}
		maps.DeleteFunc(sources[0].Files, func(name string, _ []byte) bool {
			return strings.HasPrefix(name, "lib/") || strings.HasSuffix(name, ".vi.liquid")
		})
		for name, text := range c.change {
			sources[0].Files[name] = []byte(text)
		}
		_, err = script.New(script.Limits{}).Compile(sources[0])
		var list script.Errors
		if !errors.As(err, &list) || !strings.Contains(list.Error(), c.want) && c.want != "write" {
			t.Errorf("%v: %v", c.change, err)
		}
	}
}

// What belongs to the connector may lie in lists and objects.
func TestFrontMatterForConnectors(t *testing.T) {
	sources, err := script.ReadSources(dressedFolder())
	if err != nil {
		t.Fatal(err)
	}
	sources[0].Files["messages/hello.social.liquid"] = []byte("---\ntemplate: order_done\nlanguage: vi\nbody: ['{{ customer.id }}', 12]\nheader: { image: https://e.com/a.png }\nbutton.0: abc\ntrack: false\nutm: { source: a b, campaign: x }\n---\nHello\n")
	program, err := script.New(script.Limits{}).Compile(sources[0])
	if err != nil {
		t.Fatal(err)
	}
	template, _ := program.Template("hello", "social", "")
	want := "map[body.1:{{ customer.id }} body.2:12 button.0:abc header.image:https://e.com/a.png language:vi template:order_done]"
	if got := fmt.Sprint(template.Data); got != want || template.Front["utm"] != "campaign=x&source=a+b" || template.Front["track"] != "false" {
		t.Errorf("%s, %v", got, template.Front)
	}
}

// Policy asks about a message by its text without a language: what one of the others says of its kind or topic must be the
// same, or marketing would leave as what is owed, and a topic that somebody has refused would not be found.
func TestLanguagesAgreeOnKindAndTopic(t *testing.T) {
	for name, c := range map[string]struct{ ruling, other, want string }{
		"marketing as owed":  {"kind: transactional", "kind: marketing", "kind marketing is not that of care/messages/hello.email.liquid"},
		"owed as marketing":  {"topic: news", "kind: transactional", "kind transactional is not that of"},
		"another topic":      {"topic: news", "topic: offers", "topic offers is not that of"},
		"a topic of its own": {"preheader: x", "topic: offers", "topic offers is not that of"},
		"the same":           {"topic: news", "topic: news", ""},
		"nothing":            {"kind: transactional", "preheader: x", ""},
		"marketing anyway":   {"topic: news", "kind: marketing", ""},
	} {
		folder := fstest.MapFS{}
		for file, text := range map[string]string{
			"care/journey.lua":                    `journey { title = "Care", stages = { "member" } }`,
			"care/member.lua":                     "enter(function(customer)\n  send \"hello\"\nend)\n",
			"care/messages/hello.email.liquid":    "---\nsubject: Hi\n" + c.ruling + "\n---\nHi\n",
			"care/messages/hello.email.vi.liquid": "---\nsubject: Hi\n" + c.other + "\n---\nHi\n",
		} {
			folder[file] = &fstest.MapFile{Data: []byte(text)}
		}
		source, err := script.ReadDraft(folder, "care", nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = script.New(script.Limits{}).Compile(source); c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), "hello.email.vi.liquid:3: "+c.want)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A further channel of a kind is written for like its kind: a mail needs a subject, the layouts of the kind dress it, and the front
// matter is that of the kind. A layout of its own comes first.
func TestMessagesOfAFurtherChannel(t *testing.T) {
	folder := dressedFolder()
	folder["care/messages/digest.email-news.liquid"] = &fstest.MapFile{Data: []byte(dressedMail)}
	folder["care/messages/digest.email-news.vi.liquid"] = &fstest.MapFile{Data: []byte(dressedMail)}
	folder["care/messages/digest.push-2.liquid"] = &fstest.MapFile{Data: []byte("---\nkind: transactional\ntitle: Hi\n---\nHello\n")}
	compile := func() (*script.Program, error) {
		t.Helper()
		sources, err := script.ReadSources(folder)
		if err != nil {
			t.Fatal(err)
		}
		return script.New(script.Limits{}).Compile(sources[0])
	}
	program, err := compile()
	if err != nil {
		t.Fatal(err)
	}
	names := func(locale string) (list []string) {
		template, _ := program.Template("digest", "email-news", locale)
		for _, layout := range template.Layouts {
			list = append(list, layout.File)
		}
		return list
	}
	if got := fmt.Sprint(names(""), names("vi")); got != "[care/messages/layouts/base.email.liquid] [lib/layouts/base.email.vi.liquid lib/layouts/frame.email.liquid]" {
		t.Errorf("the layouts are %s", got)
	}
	if template, _ := program.Template("digest", "push-2", ""); template.Data["title"] != "Hi" {
		t.Errorf("the connector gets %v", template.Data)
	}
	folder["care/messages/layouts/base.email-news.liquid"] = &fstest.MapFile{Data: []byte("<b>{{ content }}</b>\n")}
	if program, err = compile(); err != nil || fmt.Sprint(names("")) != "[care/messages/layouts/base.email-news.liquid]" {
		t.Errorf("with one of its own: %v, %v", names(""), err)
	}
	folder["care/messages/plain.email-news.liquid"] = &fstest.MapFile{Data: []byte("Hello\n")}
	if _, err = compile(); err == nil || !strings.Contains(err.Error(), "an email needs a subject") {
		t.Errorf("without a subject: %v", err)
	}
	delete(folder, "care/messages/plain.email-news.liquid")
	folder["care/messages/plain.email-.liquid"] = &fstest.MapFile{Data: []byte(dressedMail)}
	if _, err = compile(); err == nil || !strings.Contains(err.Error(), `there is no channel "email-"`) {
		t.Errorf("a kind without a word: %v", err)
	}
}
