package lifecycle_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"stagecraft/app/lifecycle"
)

func TestAnswers(t *testing.T) {
	option := func(v string) lifecycle.FormOption { return lifecycle.FormOption{Value: v} }
	form := lifecycle.Form{Fields: []lifecycle.FormField{
		{Name: "email", Kind: lifecycle.FieldEmail, Required: true}, {Name: "phone", Kind: lifecycle.FieldPhone}, {Name: "n", Kind: lifecycle.FieldNumber},
		{Name: "day", Kind: lifecycle.FieldDate}, {Name: "one", Kind: lifecycle.FieldChoice, Options: []lifecycle.FormOption{option("a"), option("b")}},
		{Name: "some", Kind: lifecycle.FieldChoices, Options: []lifecycle.FormOption{option("a"), option("b")}}, {Name: "ok", Kind: lifecycle.FieldYes},
		{Name: "line", Kind: lifecycle.FieldText}, {Name: "long", Kind: lifecycle.FieldLong},
	}, Consents: []lifecycle.FormConsent{{Name: "news", Required: true}, {Name: "more"}}}
	read := func(values map[string][]string) lifecycle.FormAnswers {
		return form.Answers(func(name string) []string { return values[name] })
	}
	good := read(map[string][]string{"email": {" a@b.example "}, "phone": {"+84 90 123 4567"}, "n": {"1,5"}, "day": {"2026-02-28"}, "one": {"a"}, "some": {"a", "b"},
		"ok": {"on"}, "line": {"x"}, "long": {"x\r\ny"}, "news": {"yes"}, "more": {"false"}, "admin": {"true"}})
	got, _ := json.Marshal(good.Traits)
	if want := `{"day":"2026-02-28","email":"a@b.example","line":"x","long":"x\ny","n":1.5,"ok":true,"one":"a","phone":"+84901234567","some":["a","b"]}`; string(got) != want || len(good.Problems) > 0 {
		t.Errorf("%s %v\nwant %s", got, good.Problems, want)
	}
	if len(good.Consents) != 1 || good.Consents[0].Name != "news" {
		t.Errorf("%+v", good.Consents)
	}
	bad := read(map[string][]string{"email": {"a@b"}, "phone": {"0901234567"}, "n": {"NaN"}, "day": {"2026-02-30"}, "one": {"c"}, "some": {"a", "c"}, "line": {"x\ny"}, "long": {strings.Repeat("x", 5000)}})
	want := map[string]string{"email": "email", "phone": "phone", "n": "number", "day": "date", "one": "choice", "some": "choice", "line": "text", "long": "long", "news": "missing"}
	for name, problem := range want {
		if bad.Problems[name] != problem {
			t.Errorf("%s: %q, want %q", name, bad.Problems[name], problem)
		}
	}
	if empty := read(nil); empty.Problems["email"] != "missing" || len(empty.Traits) != 0 {
		t.Errorf("%+v", empty)
	}
}

func TestLinksOfForms(t *testing.T) {
	links, other := lifecycle.NewLinks([]byte("key"), "https://s.example"), lifecycle.NewLinks([]byte("other"), "https://s.example")
	a, b := lifecycle.HashID("a"), lifecycle.HashID("b")
	path := func(link string) string { return strings.TrimPrefix(link, "https://s.example") }
	if x, y, err := links.ReadConfirm(path(links.Confirm(a, b))); err != nil || x != a || y != b {
		t.Error(x, y, err)
	}
	reward := lifecycle.Reward{Form: "guide", For: a, Who: "anon", Ends: time.Unix(1800000000, 0).UTC()}
	if got, err := links.ReadDownload(path(links.Download(reward))); err != nil || got != reward {
		t.Error(got, err)
	}
	if who, ok := links.ReadReferral(links.ReferralCode(a)); !ok || who != a || !strings.HasSuffix(links.Referral(a), links.ReferralCode(a)) {
		t.Error(who, ok)
	}
	shown := time.UnixMilli(1800000000123).UTC()
	if at, ok := links.ReadShown("guide", links.Shown("guide", shown)); !ok || !at.Equal(shown) {
		t.Error(at, ok)
	}
	if _, ok := links.ReadShown("other", links.Shown("guide", shown)); ok {
		t.Error("the word of another form counts")
	}
	if _, ok := links.ReadReferral(strings.TrimPrefix(path(links.Preferences(a)), "/p/")); ok {
		t.Error("a link to preferences is a referral")
	}
	if _, ok := links.ReadReferral(other.ReferralCode(a)); ok {
		t.Error("another key's code counts")
	}
	if links.Applicant("A@b.example") != links.Applicant("a@B.example") || links.Applicant("a@b.example") == other.Applicant("a@b.example") {
		t.Error("applicants are not named by their address and the key")
	}
	for _, link := range []string{links.Confirm(a, b), links.Download(reward), links.Referral(a)} {
		if !links.Owns(link) {
			t.Errorf("%s would be tracked", link)
		}
	}
}

func FuzzFormLinks(f *testing.F) {
	links := lifecycle.NewLinks([]byte("key"), "https://s.example")
	f.Add("/d/AAAA")
	f.Add(strings.TrimPrefix(links.Download(lifecycle.Reward{Form: "x"}), "https://s.example"))
	f.Fuzz(func(t *testing.T, path string) {
		if reward, err := links.ReadDownload(path); err == nil && links.Download(reward) != "https://s.example"+path {
			t.Fatalf("%q is read as %+v", path, reward)
		}
		_, _, _ = links.ReadConfirm(path)
		_, _ = links.ReadReferral(path)
		_, _ = links.ReadShown("x", path)
	})
}

// The address that a double opt-in confirms is the one that becomes the customer's.
func TestTheAddressOfAForm(t *testing.T) {
	field := func(name string, required bool) lifecycle.FormField {
		return lifecycle.FormField{Name: name, Kind: lifecycle.FieldEmail, Required: required}
	}
	for want, fields := range map[string][]lifecycle.FormField{
		"":       {{Name: "age", Kind: lifecycle.FieldNumber}},
		"email":  {field("work", true), field("email", false)},
		"second": {field("first", false), field("second", true), field("third", true)},
		"one":    {field("one", false), field("two", false)},
	} {
		form := lifecycle.Form{Fields: fields}
		if got := form.Email(); got != want {
			t.Errorf("it is %q, not %q", got, want)
		}
	}
}
