package sms_test

import (
	"strings"
	"testing"

	"stagecraft/plugins/sms"
)

func TestWords(t *testing.T) {
	for text, want := range map[string]string{
		"STOP": "stop", " stop. ": "stop", "Stop!": "stop", "STOP ALL": "stop", "stop shop": "stop", "opt-out": "stop", "Stop promotions": "stop", "Unsubscribe": "stop",
		"TC": "stop", "tc": "stop", "TC QC": "stop", "T/C": "stop", "Từ chối": "stop", "TU CHOI": "stop", "Hủy": "stop", "Dừng": "stop", " dừng! ": "stop", "DU\u031b\u0300NG": "stop", "\nSTOP\n": "stop",
		"START": "start", "unstop": "start", "DK": "start", "đk": "start", "Đăng ký": "start", "DK QC": "start",
		"HELP": "help", "info?": "help", "trợ giúp": "help",
		"": "", "YES": "", "Đúng": "", "Dung": "", "Dùng": "", "Đừng": "", "dừng lại đây": "", "stop by at nine": "", "please stop": "", "cancel order": "", "Hủy đơn": "", "end of story": "", "tcp": "", "?": "",
		strings.Repeat("stop ", 100): "",
	} {
		if got := sms.Meaning(text); got != want {
			t.Errorf("%q means %q, want %q", text, got, want)
		}
	}
}

func TestNumbers(t *testing.T) {
	for _, c := range []struct{ text, country, want string }{
		{"+84901234567", "", "+84901234567"},
		{" +84 (90) 123-45.67 ", "", "+84901234567"},
		{"0084901234567", "", "+84901234567"},
		{"0901234567", "84", "+84901234567"},
		{"+84 (0)90 1234507", "", "+84901234507"},
		{"+44(0)20 7946 0958", "", "+442079460958"},
		{"(0)90 1234507", "84", "+84901234507"},
		{"+39 (0)6 6982 0000", "", "+390669820000"},
		{"+(0)901234567", "", ""},
		{"+84 90 123 45 17 / 18", "", ""},
		{"84901234567", "84", "+84901234567"},
		{"+14155550100", "84", "+14155550100"},
		{"0901234567", "", ""},
		{"901234567", "84", ""},
		{"84901234567", "", ""},
		{"", "84", ""},
		{"+", "", ""},
		{"++84901234567", "", ""},
		{"84+901234567", "84", ""},
		{"+0901234567", "", ""},
		{"+123456", "", ""},
		{"+1234567890123456", "", ""},
		{"+84901234567\r\nBcc: x", "", ""},
		{"+849012345６7", "", ""},
		{"SHOP", "84", ""},
		{strings.Repeat(" ", 70) + "+84901234567", "", ""},
	} {
		got, err := sms.Number(c.text, c.country)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%q in %q: %q %v, want %q", c.text, c.country, got, err, c.want)
		}
	}
	if a, b := sms.National("+84901234567", "84"), sms.National("+14155550100", "84"); a != "0901234567" || b != "14155550100" {
		t.Errorf("%q %q", a, b)
	}
}

// Providers name senders without a plus, as they take recipients.
func TestNumbersOfSenders(t *testing.T) {
	for _, c := range []struct{ text, country, want string }{
		{"84999999999", "", "+84999999999"},
		{"33612345678", "84", "+33612345678"},
		{"84999999999", "84", "+84999999999"},
		{"0999999999", "84", "+84999999999"},
		{"+4791234567", "", "+4791234567"},
		{"4791234567", "", "+4791234567"},
		{"6591234567", "84", "+6591234567"},
		{"4155550100", "1", "+14155550100"},
		{"14155550100", "1", "+14155550100"},
		{"9876543210", "91", "+919876543210"}, // national numbers of ten digits have no 0 in front
		{"919876543210", "91", "+919876543210"},
		{"5512345678", "52", "+525512345678"},
		{"3001234567", "57", "+573001234567"},
		{"3001234567", "84", "+3001234567"},
		{"0033612345678", "", "+33612345678"},
		{"0999999999", "", ""},
		{"999999999", "84", ""},
		{"12345", "", ""},
		{"1234567890123456", "", ""},
		{"SHOP", "84", ""},
		{"", "", ""},
	} {
		got, err := sms.Inbound(c.text, c.country)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%q in %q: %q %v, want %q", c.text, c.country, got, err, c.want)
		}
	}
}

func FuzzNumber(f *testing.F) {
	f.Add("+84901234567", "")
	f.Add("0901234567", "84")
	f.Fuzz(func(t *testing.T, text, country string) {
		if country != "" && country != "84" {
			country = "1"
		}
		if from, err := sms.Inbound(text, country); err == nil && (from[0] != '+' || from[1] == '0' || len(from) < 8 || len(from) > 16) {
			t.Errorf("a sender %q is %q", text, from)
		}
		got, err := sms.Number(text, country)
		if err != nil {
			return
		}
		if from, err := sms.Inbound(text, country); err != nil || len(got) == 0 {
			t.Errorf("%q is a number and no sender: %q %v", text, from, err)
		}
		if again, err := sms.Number(got, country); again != got || err != nil || got[0] != '+' || len(got) < 8 || len(got) > 16 {
			t.Errorf("%q: %q, again %q %v", text, got, again, err)
		}
	})
}

func FuzzWords(f *testing.F) {
	for _, text := range []string{"STOP", "Từ chối", "stop shop", "\xff"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 190 {
			return
		}
		if got, want := sms.Meaning(" \n\""+text+"\" ! "), sms.Meaning(text); got != want {
			t.Errorf("%q means %q, between marks %q", text, want, got)
		}
	})
}
