package lifecycle_test

import (
	"encoding/json"
	"net/mail"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"stagecraft/app/lifecycle"
)

func TestAddressesByChannel(t *testing.T) {
	for _, c := range []struct{ trait, value, channel, address, problem string }{
		{"email", `"ada@example.com"`, "email", "ada@example.com", ""},
		{"email", `"Ada <ada@example.com>"`, "email", "", lifecycle.BecauseBadAddress},
		{"email", `"ada@example.com\r\nBcc: eve@example.com"`, "email", "", lifecycle.BecauseBadAddress},
		{"email", `7`, "email", "", lifecycle.BecauseNoAddress},
		{"phone", `"+84 90 123-45-67"`, "sms", "+84901234567", ""},
		{"phone", `"+1 (202) 555.0147"`, "call", "+12025550147", ""},
		{"phone", `"0901234567"`, "sms", "", lifecycle.BecauseBadAddress},
		{"phone", `"+0901234567"`, "sms", "", lifecycle.BecauseBadAddress},
		{"phone", `"+84 90 CALL"`, "sms", "", lifecycle.BecauseBadAddress},
		{"phone", `"+123456789012345678"`, "sms", "", lifecycle.BecauseBadAddress},
		{"phone", `" "`, "sms", "", lifecycle.BecauseNoAddress},
		{"push", `"fcm:abc"`, "push", "fcm:abc", ""},
		{"push", `{"endpoint":"https://push.example/1","keys":{"p256dh":"a","auth":"b"}}`, "push", `{"endpoint":"https://push.example/1","keys":{"p256dh":"a","auth":"b"}}`, ""},
		{"push", `{"keys":{}}`, "push", "", lifecycle.BecauseBadAddress},
		{"push", `[1]`, "push", "", lifecycle.BecauseBadAddress},
		{"telegram", `"4711"`, "social", "telegram:4711", ""},
		{"zalo", `"88"`, "social", "zalo:88", ""},
		{"email", `"ada@example.com"`, "social", "", lifecycle.BecauseNoAddress},
		{"email", `"ada@example.com"`, "sms", "", lifecycle.BecauseNoAddress},
	} {
		customer := &lifecycle.Customer{}
		customer.SetTrait(c.trait, json.RawMessage(c.value))
		if address, problem := customer.Address(c.channel); address != c.address || problem != c.problem {
			t.Errorf("%s %s by %s: %q, %q", c.trait, c.value, c.channel, address, problem)
		}
	}
}

// Numbers as people write them within a country are read with its calling code, and no others.
func TestNumbersOfACountry(t *testing.T) {
	defer lifecycle.ReadNumbersOf("")
	for _, c := range []struct{ code, written, want string }{
		{"84", "090 123 45 67", "+84901234567"},
		{"84", "+1 202 555 0147", "+12025550147"},
		{"84", "0084 901234567", "+84901234567"},
		{"84", "84901234567", "+84901234567"},
		{"84", "901234567", ""}, // a spreadsheet has eaten the 0; it may be another country's
		{"84", "000901234567", ""},
		{"84", "0", ""}, {"84", "00", ""}, {"84", "", ""},
		{"84", "090 CALL", ""},
		{"84", "09012345678901234", ""},
		{"49", "(030) 901820", "+4930901820"},
		{"49", "030 / 90 18 20", "+4930901820"},
		{"", "+49 33234/12345", "+493323412345"},
		{"", "+84 (0)90 1234507", "+84901234507"},
		{"", "+44(0)20 7946 0958", "+442079460958"},
		{"", "+(0)90 1234507", ""},
		{"44", "0044 (0)20 7946 0958", "+442079460958"},
		{"84", "84 (0)90 1234507", "+84901234507"},
		{"84", "(0)90 1234507", "+84901234507"},
		{"", "+39 (0)6 6982 0000", "+390669820000"},
		{"", "+84 90 123 45 17 / 18", ""}, {"84", "090 123 45 17/18", ""}, {"", "+84 90 123 45 17 / +84 90 123 45 18", ""},
		{"39", "06 6982 0000", "+390669820000"},
		{"1", "(202) 555-0147", "+12025550147"},
		{"1", "1 202 555 0147", "+12025550147"},
		{"7", "8 (912) 345-67-89", "+79123456789"},
		{"91", "91234 56789", "+919123456789"},
		{"", "0901234567", ""}, {"", "0084901234567", ""}, {"", "2025550147", ""},
	} {
		lifecycle.ReadNumbersOf(c.code)
		identity, ok := lifecycle.ParseIdentity(lifecycle.PhoneIdentity, c.written)
		if ok != (c.want != "") || ok && identity.Value != c.want {
			t.Errorf("%q with %q is %q (%v), want %q", c.written, c.code, identity.Value, ok, c.want)
		}
		raw, _ := json.Marshal(c.written)
		customer := &lifecycle.Customer{}
		customer.SetTrait("phone", raw)
		if address, _ := customer.Address("sms"); address != c.want {
			t.Errorf("%q with %q is reached at %q, want %q", c.written, c.code, address, c.want)
		}
	}
}

// Numbers of WhatsApp and of Zalo's notices are read as others are, and as Meta writes them: whoever answers from there is the same.
func TestNumbersOfChat(t *testing.T) {
	defer lifecycle.ReadNumbersOf("")
	for _, c := range []struct{ code, trait, written, want string }{
		{"", "whatsapp", "+84901234567", "whatsapp:+84901234567"},
		{"", "whatsapp", "84950000007", "whatsapp:+84950000007"},
		{"84", "whatsapp", "84950000007", "whatsapp:+84950000007"},
		{"84", "whatsapp", "491701234567", "whatsapp:+491701234567"},
		{"1", "whatsapp", "2025550147", "whatsapp:+12025550147"},
		{"", "whatsapp", "+84 95 000 0002", "whatsapp:+84950000002"},
		{"84", "whatsapp", "0950000008", "whatsapp:+84950000008"},
		{"", "whatsapp", "0950000008", ""}, {"84", "whatsapp", "950000008", ""}, {"", "whatsapp", "Ada", ""},
		{"", "social-shop", "whatsapp:84950000007", "whatsapp:+84950000007"},
		{"", "social-shop", "telegram:84950000007", "telegram:84950000007"},
		{"", "zalo", "4711", "zalo:4711"},
		{"84", "zalo", "zns:0950000008", "zns:+84950000008"},
		{"", "zalo", "zns:+84 95 000 0008", "zns:+84950000008"},
		{"", "zalo", "zns:0950000008", ""},
	} {
		lifecycle.ReadNumbersOf(c.code)
		raw, _ := json.Marshal(c.written)
		customer := &lifecycle.Customer{}
		customer.SetTrait(c.trait, raw)
		channel := "social"
		if lifecycle.IsFurther(c.trait) {
			channel = c.trait
		}
		address, problem := customer.Address(channel)
		if address != c.want || problem != "" != (c.want == "") || problem != "" && problem != lifecycle.BecauseBadAddress {
			t.Errorf("%s %q with %q: %q, %q", c.trait, c.written, c.code, address, problem)
		}
		said, ok := lifecycle.SocialAddress(c.trait, c.written)
		if said != c.want || ok != (c.want != "") {
			t.Errorf("%s %q with %q is said to be %q", c.trait, c.written, c.code, said)
		}
		if !ok {
			continue
		}
		if identity, is := lifecycle.AddressIdentity(channel, said); !is || identity.Value != c.want {
			t.Errorf("%s %q with %q is named %q", c.trait, c.written, c.code, identity.Value)
		}
	}
}

func TestTheChannelACustomerPrefers(t *testing.T) {
	customer := &lifecycle.Customer{}
	customer.SetTrait("email", json.RawMessage(`"ada@example.com"`))
	customer.SetTrait("phone", json.RawMessage(`"+84901234567"`))
	order := func() string { return strings.Join(customer.Preferred([]string{"webhook", "sms", "email"}), " ") }
	if got := order(); got != "email sms webhook" {
		t.Errorf("without a wish: %s", got)
	}
	customer.SetTrait("channels", json.RawMessage(`["sms", 7, "fax"]`))
	if got := order(); got != "sms email webhook" {
		t.Errorf("with one: %s", got)
	}
	reachable := func(channel string, kind lifecycle.MessageKind) bool {
		return customer.Reachable(channel, "news", kind)
	}
	if !reachable("sms", lifecycle.Marketing) || !reachable("email", lifecycle.Marketing) || reachable("push", lifecycle.Transactional) {
		t.Error("there are an email address and a number, and no device")
	}
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	customer.Say(lifecycle.Consent{Channel: "sms", At: at})
	if reachable("sms", lifecycle.Marketing) || !reachable("sms", lifecycle.Transactional) {
		t.Error("a no is about marketing")
	}
	customer.Suppress(lifecycle.Suppression{Channel: "email", Address: "ada@example.com", Reason: lifecycle.SuppressedBounce, At: at})
	if reachable("email", lifecycle.Transactional) {
		t.Error("a suppressed address is reachable")
	}
}

// Whatever is taken without reading it whole is what reading it whole takes.
func FuzzMailAddress(f *testing.F) {
	for _, text := range []string{"ada@example.com", "a.b+c_d@x-y.example", ".a@b.c", "a..b@c", "a.@b", "a@b.", "a@.b", "@b", "a@", "a@b@c", "a b@c", "a@[1.2.3.4]",
		`"a b"@c.example`, "Ada <ada@example.com>", "nhà@ví-dụ.vn", "a@b_c", "a@b+c", "a"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		value, _ := json.Marshal(text)
		if text == "" || json.Unmarshal(value, new(string)) != nil || !utf8.ValidString(text) {
			return
		}
		customer := &lifecycle.Customer{}
		customer.SetTrait("email", value)
		_, problem := customer.Address("email")
		parsed, err := mail.ParseAddress(text)
		if is := err == nil && parsed.Address == text && len(text) <= 254; is != (problem == "") {
			t.Fatalf("%q: %q, but an address: %t", text, problem, is)
		}
	})
}
