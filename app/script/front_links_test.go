package script_test

import (
	"strings"
	"testing"

	"stagecraft/app/script"
)

// What front matter says about links is read before a journey is published.
func TestFrontMatterAboutLinks(t *testing.T) {
	compile := func(front string) (*script.Program, error) {
		return script.New(script.Limits{}).Compile(script.Source{Name: "j", Files: map[string][]byte{
			"journey.lua":                 []byte(`journey { title = "J", stages = { "a" } }`),
			"a.lua":                       []byte(`stage { title = "A" } enter(function() send "hello" end)`),
			"messages/hello.email.liquid": []byte("---\nsubject: Hello\n" + front + "\n---\nhello\n"),
		}})
	}
	for _, front := range []string{"track: false", "track: true", "track: clicks", "utm: campaign=spring&source=shop", "utm: false", "utm: { campaign: '{message}' }"} {
		if _, err := compile(front); err != nil {
			t.Errorf("%s: %v", front, err)
		}
	}
	for front, says := range map[string]string{"track: maybe": "use true, false", "utm: colour=red": "there is no UTM parameter", "utm: { colour: red }": "there is no UTM parameter", "utm: spring": "no UTM parameter"} {
		if _, err := compile(front); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", front, err)
		}
	}
	program, err := compile("utm: { campaign: '{message}', source: the shop }")
	if err != nil || program.Templates[0].Front["utm"] != "campaign=%7Bmessage%7D&source=the+shop" {
		t.Errorf("%v", err)
	}
}
