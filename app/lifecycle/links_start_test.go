package lifecycle_test

import (
	"regexp"
	"testing"
	"time"

	"stagecraft/app/lifecycle"
)

func TestStartCodes(t *testing.T) {
	links := lifecycle.NewLinks([]byte("key"), "https://shop.example")
	customer, now := lifecycle.HashID("ada"), time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	code := links.StartCode(customer, now.Add(time.Hour))
	if !regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`).MatchString(code) {
		t.Errorf("Telegram does not take %q", code)
	}
	if got, ok := links.ReadStart(code, now); !ok || got != customer {
		t.Errorf("%v %v", got, ok)
	}
	for _, wrong := range []string{"", "x", code[1:], code + "A", links.ReferralCode(customer), links.StartCode(customer, now), links.StartCode(customer, time.Time{})} {
		if _, ok := links.ReadStart(wrong, now); ok {
			t.Errorf("%q was taken", wrong)
		}
	}
	if _, ok := lifecycle.NewLinks([]byte("other"), "https://shop.example").ReadStart(code, now); ok {
		t.Error("a code of another key was taken")
	}
	if a, b := links.Stranger("telegram:1"), links.Stranger("telegram:2"); a == b || a != links.Stranger("telegram:1") || (lifecycle.Links{}).Stranger("telegram:1") != "" {
		t.Errorf("%q %q", a, b)
	}
}

func TestChatTraits(t *testing.T) {
	for _, c := range []struct{ channel, address, trait, value string }{
		{"social", "telegram:4711", "telegram", "4711"}, {"social-telegram", "telegram:4711", "telegram", "4711"},
		{"social-shop", "telegram:4711", "social-shop", "telegram:4711"}, {"social", "zalo:7", "zalo", "7"},
		{"social", "telegram:", "", ""}, {"social", "fax:1", "", ""}, {"sms", "telegram:1", "", ""}, {"social", "", "", ""},
	} {
		trait, value, ok := lifecycle.ChatTrait(c.channel, c.address)
		if trait != c.trait || value != c.value || ok != (c.trait != "") {
			t.Errorf("%s %s: %s %s %v", c.channel, c.address, trait, value, ok)
		}
	}
}
