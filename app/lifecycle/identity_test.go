package lifecycle_test

import (
	"testing"

	"stagecraft/app/lifecycle"
)

func TestParseIdentity(t *testing.T) {
	for _, c := range []struct {
		kind        lifecycle.IdentityKind
		value, want string // want "": it is none
	}{
		{"email", " Ada@Example.COM ", "ada@example.com"},
		{"email", "ada", ""},
		{"email", "Ada@MÜLLER.example", "ada@xn--mller-kva.example"},
		{"email", "ada@xn--mller-kva.example", "ada@xn--mller-kva.example"},
		{"email", "ada@ｅxample.com", "ada@example.com"},
		{"email", "ada@example.com\u200b", "ada@example.com"},
		{"email", "dörte@example.com", "dörte@example.com"},
		{"email", "Ada <ada@example.com>", ""},
		{"phone", "+84 (901) 234-567", "+84901234567"},
		{"phone", "0901234567", ""},
		{"phone", "+0901234567", ""},
		{"device", "token", "token"},
		{"external:shopify", "1001", "1001"},
		{"external:", "1001", ""},
		{"user", "", ""},
		{"colour", "red", ""},
	} {
		identity, ok := lifecycle.ParseIdentity(c.kind, c.value)
		if ok != (c.want != "") || ok && identity.Value != c.want {
			t.Errorf("%s %q is %q (%v), want %q", c.kind, c.value, identity.Value, ok, c.want)
		}
	}
}

func TestAddressIdentity(t *testing.T) {
	for _, c := range []struct{ channel, address, want string }{
		{"push", `{"endpoint":"https://push.example/1","keys":{}}`, "https://push.example/1"},
		{"push", `{"keys":{}}`, ""},
		{"push", "token", "token"},
		{"call", "+84901234567", "+84901234567"},
		{"letter", `{"name":" Nguyễn  Văn An","street":"12/3 Lê Lợi,\nngõ 4","postalCode":"10000","city":"HUẾ","country":"VN"}`, "nguyễn văn an 12 3 lê lợi ngõ 4 huế"},
		{"letter-partner", `{"company":"Sen","street":"1 Main St.","city":"Hue"}`, "& sen 1 main st hue"},
		{"letter", "& sen 1 main st hue", "& sen 1 main st hue"},
		{"letter", "nguyễn văn an 12 3 lê lợi ngõ 4 huế", "nguyễn văn an 12 3 lê lợi ngõ 4 huế"},
		{"letter", "{", ""}, {"letter", "{}", ""}, {"letter", "& ", ""},
		{"fax", "+84 28 ABC\t", "+8428ABC"},
		{"inapp", "ada", ""},
		{"webhook", "https://example.com", ""},
	} {
		if identity, _ := lifecycle.AddressIdentity(c.channel, c.address); identity.Value != c.want {
			t.Errorf("%s %s is %q, want %q", c.channel, c.address, identity.Value, c.want)
		}
	}
}

func TestMeaningless(t *testing.T) {
	for _, c := range []struct {
		kind    lifecycle.IdentityKind
		value   string
		nobodys bool
	}{
		{"email", "test@test.com", true}, {"email", "test@shop.example", false}, {"email", "a@a.com", true},
		{"phone", "+84000000000", true}, {"phone", "+11234567890", true}, {"phone", "+84901234567", false},
		{"phone", "+84908888888", false}, {"phone", "+84900000000", false}, {"phone", "+84999999999", true}, {"phone", "+15555555555", true},
		{"phone", "+12025555555", false}, {"phone", "+3530000000", true}, {"phone", "+35318888888", false},
		{"user", "NULL", true}, {"anonymous", "undefined", true}, {"user", "ada", false}, {"user", "#N/A", true}, {"user", `\N`, true}, {"external:shopify", "0", true},
		{"user", "00000000-0000-0000-0000-000000000000", true},
	} {
		if got := (lifecycle.Identity{Kind: c.kind, Value: c.value}).Meaningless(); got != c.nobodys {
			t.Errorf("%s %s names nobody: %v", c.kind, c.value, got)
		}
	}
}

// FuzzParseIdentity holds that what was read reads as itself.
func FuzzParseIdentity(f *testing.F) {
	for _, seed := range [][2]string{{"email", "Ada@Example.com"}, {"phone", "+84 901 234 567"}, {"external:Shopify", " 1 "}, {"device", "{"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, kind, value string) {
		identity, ok := lifecycle.ParseIdentity(lifecycle.IdentityKind(kind), value)
		if !ok {
			return
		}
		identity.Meaningless()
		if again, ok := lifecycle.ParseIdentity(identity.Kind, identity.Value); !ok || again != identity {
			t.Errorf("%q of kind %q reads as %q the second time", identity.Value, identity.Kind, again.Value)
		}
	})
}
