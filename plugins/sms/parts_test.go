package sms_test

import (
	"strings"
	"testing"
	"unicode/utf16"

	"stagecraft/plugins/sms"
)

func TestMeasure(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       sms.Size
	}{
		{"one letter", "a", sms.Size{Units: 1, Parts: 1}},
		{"160 letters are one", strings.Repeat("a", 160), sms.Size{Units: 160, Parts: 1}},
		{"161 are two", strings.Repeat("a", 161), sms.Size{Units: 161, Parts: 2}},
		{"306 are two", strings.Repeat("a", 306), sms.Size{Units: 306, Parts: 2}},
		{"307 are three", strings.Repeat("a", 307), sms.Size{Units: 307, Parts: 3}},
		{"of the table", "à@£_Ω\n", sms.Size{Units: 6, Parts: 1}},
		{"of the extension", "€[]{}~^\\|\f", sms.Size{Units: 20, Parts: 1}},
		{"80 euros are one", strings.Repeat("€", 80), sms.Size{Units: 160, Parts: 1}},
		{"an escape is not cut off", strings.Repeat("a", 152) + "€" + strings.Repeat("a", 153), sms.Size{Units: 307, Parts: 3}},
		{"and fits before the end", strings.Repeat("a", 151) + "€" + strings.Repeat("a", 153), sms.Size{Units: 306, Parts: 2}},
		{"153 euros in parts of 76", strings.Repeat("€", 153), sms.Size{Units: 306, Parts: 3}},
		{"ç is not of the table", "ç", sms.Size{Unicode: true, Units: 1, Parts: 1}},
		{"70 Vietnamese letters are one", strings.Repeat("ạ", 70), sms.Size{Unicode: true, Units: 70, Parts: 1}},
		{"71 are two", strings.Repeat("ạ", 71), sms.Size{Unicode: true, Units: 71, Parts: 2}},
		{"134 are two", strings.Repeat("ạ", 134), sms.Size{Unicode: true, Units: 134, Parts: 2}},
		{"135 are three", strings.Repeat("ạ", 135), sms.Size{Unicode: true, Units: 135, Parts: 3}},
		{"35 faces are one", strings.Repeat("😀", 35), sms.Size{Unicode: true, Units: 70, Parts: 1}},
		{"a face is not cut in two", strings.Repeat("😀", 67), sms.Size{Unicode: true, Units: 134, Parts: 3}},
	} {
		if got := sms.Measure(c.text); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestPrepare(t *testing.T) {
	for _, c := range []struct {
		text, auto, plain string
	}{
		{"  Hello\r\nthere\x00 ", "Hello\nthere", "Hello\nthere"},
		{"“It’s here” – now…", `"It's here" - now...`, `"It's here" - now...`},
		{"“Cảm ơn” bạn, 100.000₫", "“Cảm ơn” bạn, 100.000₫", `"Cam on" ban, 100.000d`},
		{"Đường đi khó", "Đường đi khó", "Duong di kho"},
		{"Cafe\u0301 à la carte", "Café à la carte", "Café à la carte"},
		{"Cảm ơn 😀", "Cảm ơn 😀", "Cảm ơn 😀"}, // it goes as UCS-2 in any case, so it keeps its marks
		{"bad \xff", "bad \uFFFD", "bad \uFFFD"},
	} {
		if got := sms.Prepare(c.text, false); got != c.auto {
			t.Errorf("%q: %q, want %q", c.text, got, c.auto)
		}
		if got := sms.Prepare(c.text, true); got != c.plain {
			t.Errorf("%q, plain: %q, want %q", c.text, got, c.plain)
		}
	}
}

func FuzzMeasure(f *testing.F) {
	for _, text := range []string{"", "Hello", strings.Repeat("€", 99), strings.Repeat("a😀", 40), "Cảm ơn"} {
		f.Add(text, true)
	}
	f.Fuzz(func(t *testing.T, text string, plain bool) {
		text = sms.Prepare(text, plain)
		if again := sms.Prepare(text, plain); again != text {
			t.Errorf("%q is prepared again to %q", text, again)
		}
		got := sms.Measure(text)
		alone, part := 160, 153
		if got.Unicode {
			alone, part = 70, 67
			if units := len(utf16.Encode([]rune(text))); units != got.Units {
				t.Errorf("%q: %d UTF-16 units, counted %d", text, units, got.Units)
			}
		}
		// A part ends at most one unit early.
		if got.Units <= alone && got.Parts != 1 || got.Units > alone && (got.Parts*part < got.Units || (got.Parts-1)*(part-1) >= got.Units) {
			t.Errorf("%q: %+v", text, got)
		}
	})
}
