package lifecycle_test

import (
	"net/url"
	"strings"
	"testing"

	"stagecraft/app/lifecycle"
)

func TestUTMParameters(t *testing.T) {
	utm, err := lifecycle.ParseUTM("campaign={journey}%2F{message}&utm_source=the+shop&medium=email")
	if err != nil {
		t.Fatal(err)
	}
	utm = utm.For(&lifecycle.Message{Journey: "welcome & more", Name: "hello"})
	const all = "utm_source=the+shop&utm_medium=email&utm_campaign=welcome+%26+more%2Fhello"
	for address, want := range map[string]string{
		"https://shop.example":                "https://shop.example?" + all,
		"https://shop.example/#top":           "https://shop.example/?" + all + "#top",
		"https://shop.example/?":              "https://shop.example/?" + all,
		"https://shop.example/?a=b":           "https://shop.example/?a=b&" + all,
		"https://shop.example/?a=b&#c?d":      "https://shop.example/?a=b&" + all + "#c?d",
		"https://shop.example/?utm_source=x":  "https://shop.example/?utm_source=x&utm_medium=email&utm_campaign=welcome+%26+more%2Fhello",
		"https://shop.example/?a&utm_medium=": "https://shop.example/?a&utm_medium=&utm_source=the+shop&utm_campaign=welcome+%26+more%2Fhello",
	} {
		if got := utm.Append(address); got != want {
			t.Errorf("%s\n got %s\nwant %s", address, got, want)
		}
	}
	for _, text := range []string{"source", "source=", "colour=red", "source=a&source=b", "=", "source=%zz", "source=" + strings.Repeat("x", 500)} {
		if utm, err := lifecycle.ParseUTM(text); lifecycle.CodeOf(err) != lifecycle.Invalid {
			t.Errorf("%q is read as %v, %v", text, utm, err)
		}
	}
	for _, text := range []string{"", "false", " "} {
		if utm, err := lifecycle.ParseUTM(text); err != nil || len(utm) > 0 || utm.Append("x") != "x" {
			t.Errorf("%q is read as %v, %v", text, utm, err)
		}
	}
}

// What is said of mails is not said of text messages.
func TestUTMWithinChannels(t *testing.T) {
	for _, c := range []struct{ text, channel, want string }{
		{"source=shop&medium=email", "email", "utm_source=shop&utm_medium=email"},
		{"source=shop&medium=mail", "email-news", "utm_source=shop&utm_medium=mail"},
		{"source=shop&medium=Email", "sms-vn", "utm_source=shop&utm_medium=sms"},
		{"medium=email", "push", "utm_medium=push"},
		{"medium=crm", "sms", "utm_medium=crm"},
		{"medium={channel}", "sms-vn", "utm_medium=sms-vn"},
		{"source=email", "sms", "utm_source=email"},
	} {
		utm, err := lifecycle.ParseUTM(c.text)
		if err != nil {
			t.Fatal(err)
		}
		if got := utm.Within(c.channel).For(&lifecycle.Message{Channel: c.channel}).Append("https://e.com/"); got != "https://e.com/?"+c.want {
			t.Errorf("%s in %s gives %s", c.text, c.channel, got)
		}
	}
}

func TestWhatIsTracked(t *testing.T) {
	for text, want := range map[string][2]bool{"true": {true, true}, "false": {}, "none": {}, "clicks": {true, false}, "opens, clicks": {true, true}} {
		clicks, opens, err := lifecycle.ParseTracking(text)
		if err != nil || [2]bool{clicks, opens} != want {
			t.Errorf("%s: %v, %v, %v", text, clicks, opens, err)
		}
	}
	if _, _, err := lifecycle.ParseTracking("everything"); lifecycle.CodeOf(err) != lifecycle.Invalid {
		t.Error(err)
	}
}

// Whatever is put behind an address, it stays the same address, and what it asked for before it asks for still.
func FuzzUTM(f *testing.F) {
	f.Add("source=a&medium={message}", "https://shop.example/a?b=c#d")
	f.Add("id=%26%23", "https://shop.example?#")
	f.Fuzz(func(t *testing.T, text, address string) {
		utm, err := lifecycle.ParseUTM(text)
		before, readErr := url.Parse(address)
		if err != nil || readErr != nil {
			return
		}
		utm = utm.For(&lifecycle.Message{Name: "a#b&c=d?"})
		got := utm.Append(address)
		after, err := url.Parse(got)
		if err != nil || after.Scheme != before.Scheme || after.Host != before.Host || after.Path != before.Path || after.Fragment != before.Fragment ||
			!strings.HasPrefix(after.RawQuery, before.RawQuery) || utm.Append(got) != got {
			t.Errorf("%q with %q is %q", address, text, got)
		}
	})
}
