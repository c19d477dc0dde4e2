package letter_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"stagecraft/plugins/letter"
)

// TestVietnamese has every letter of the language, composed and decomposed.
func TestVietnamese(t *testing.T) {
	setting, err := letter.NewSetting()
	if err != nil {
		t.Fatal(err)
	}
	const letters = "aàảãáạăằẳẵắặâầẩẫấậbcdđeèẻẽéẹêềểễếệghiìỉĩíịklmnoòỏõóọôồổỗốộơờởỡớợpqrstuùủũúụưừửữứựvxyỳỷỹýỵ"
	if lacking := setting.Lacks(letters + strings.ToUpper(letters) + "₫€–—“”‘’…•§ßÄÖÜéèçñ0123456789"); lacking != "" {
		t.Errorf("the font lacks %s", lacking)
	}
	if got := setting.Wrap("Tie\u0302\u0301ng Vie\u0323\u0302t\u200b\u00ad", 100); !slices.Equal(got, []string{"Tiếng Việt"}) {
		t.Errorf("%q", got)
	}
}

func TestWrapping(t *testing.T) {
	setting, err := letter.NewSetting()
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Repeat("Một **hai ba** *bốn* năm, ", 40) + strings.Repeat("x", 300)
	lines := setting.Wrap(text, 80)
	if len(lines) < 10 {
		t.Fatalf("%d lines", len(lines))
	}
	joined := ""
	for _, line := range lines {
		if setting.Width(line) > 84 { // bold letters are wider than they are measured here
			t.Errorf("%q is %.1f mm wide", line, setting.Width(line))
		}
		if strings.HasSuffix(line, "-") || strings.HasPrefix(line, " ") || strings.HasSuffix(line, " ") {
			t.Errorf("%q", line)
		}
		joined += strings.ReplaceAll(line, " ", "")
	}
	if want := strings.NewReplacer(" ", "", "*", "").Replace(text); joined != want {
		t.Errorf("%q is not %q", joined, want)
	}
	if got := setting.Wrap("one\\\ntwo\\\nthree\nfour", 100); !slices.Equal(got, []string{"one", "two", "three four"}) {
		t.Errorf("%q", got)
	}
}

func TestMarkdown(t *testing.T) {
	for text, want := range map[string][]string{
		"# One\ntwo\nthree":                       {"h1 []One", "p []two three"},
		"#none ####### none":                      {"p []#none ####### none"},
		"#### Deep ##":                            {"h3 []Deep"},
		"a **b *c** d":                            {"p []a  [B]b *c [] d"},
		"a * b ** c":                              {"p []a * b ** c"},
		"snake_case_word and 2*3*4":               {"p []snake_case_word and 2 [I]3 []4"},
		`*See Eve\*, then`:                        {"p []*See Eve*, then"},
		`**See Eve\*\* ** then`:                   {"p []**See Eve** ** then"},
		`*See Eve\* * and* _more _`:               {"p [I]See Eve* * and [] _more _"},
		`*a **b** c* d`:                           {"p [I]a **b** c [] d"},
		`**a *b* c** d`:                           {"p [B]a *b* c [] d"},
		"**open":                                  {"p []**open"},
		"- a\n  more\n- b\n  - c":                 {"item • []a more", "item • []b", "item1 • []c"},
		"1. a\n12) b\n1.c":                        {"item 1. []a", "item 12) []b 1.c"},
		"a\n\n***\n\nb":                           {"p []a", "rule", "p []b"},
		`\# \*no\* \x \\`:                         {`p []# *no* \x \`},
		"C:\\\\\\\nD:\\\\\nE\\\nF":                {"p []C:\\\nD:\\ E\nF"},
		"[x](https://a.example) [y](":             {"p []x (https://a.example) [y]("},
		"[a@b.example](mailto:a@b.example)":       {"p []a@b.example"},
		"[a\\]b\\*](https://x.example/\\)\\_c) d": {"p []a]b* (https://x.example/)_c) d"},
		`[w]\(http://evil.example)`:               {"p [][w](http://evil.example)"},
		`[x\](y) [\[z](w)`:                        {"p [][x](y) [z (w)"},
		"# C#\n## F\\# ##\n# #":                   {"h1 []C#", "h2 []F#", "h1"},
		"\r\n\t\x00\u200b\n":                      nil,
	} {
		if got := letter.Outline(text); !slices.Equal(got, want) {
			t.Errorf("%q: %q", text, got)
		}
	}
}

func TestAddresses(t *testing.T) {
	for _, c := range []struct{ to, home, want string }{
		{`{"name":"Ada","street":"1 A\n\n Floor 2 ","city":"London","postalCode":"N1 9GU","country":"gb"}`, "GB", "Ada|1 A|Floor 2|London|N1 9GU"},
		{`{"name":"Ada","street":"1 A","city":"London","postalCode":"N1 9GU","country":"gb"}`, "VN", "Ada|1 A|London|N1 9GU|UNITED KINGDOM"},
		{`{"name":"Ada","company":"Shop","street":"1 A","city":"Köln","postalCode":"50667"}`, "DE", "Ada|Shop|1 A|50667 Köln"},
		{`{"name":"Ada","street":"1 A","city":"Köln","postalCode":"50667","country":"Germany"}`, "DE", "Ada|1 A|50667 Köln"},
		{`{"name":"Ada","street":"1 A","city":"Reno","state":"NV","postalCode":"89501","country":"US"}`, "VN", "Ada|1 A|Reno NV 89501|UNITED STATES"},
		{`{"company":"Shop","street":"1 A","city":"Quận 1","state":"TP. Hồ Chí Minh","postalCode":"71000"}`, "VN", "Shop|1 A|Quận 1|TP. Hồ Chí Minh 71000"},
		{`{"name":"Ada","street":"1 A","city":"Reno","state":"NV","postalCode":"89501","country":"u.s.a."}`, "VN", "Ada|1 A|Reno NV 89501|UNITED STATES"},
	} {
		lines, err := letter.AddressLines(c.to, c.home)
		if got := strings.Join(lines, "|"); err != nil || got != c.want {
			t.Errorf("%s: %q, %v", c.to, got, err)
		}
	}
}

// A country is understood by its name as by its code: the form of the address, its last line and the need for a postal code are the
// same.
func TestCountries(t *testing.T) {
	names := map[string][]string{
		"VN": {"vn", "VNM", "Vietnam", "Viet Nam", "Việt Nam", "VIỆT NAM", "vie\u0323\u0302t nam", "CHXHCN Việt Nam", "V.N."},
		"DE": {"de", "deu", "Germany", "Deutschland", "Đức", "Allemagne", "Federal Republic of Germany"},
		"US": {"us", "U.S.", "USA", "United States", "United States of America", "Hoa Kỳ", "Hoa Kì", "Mỹ", "Nước Mỹ", "Vereinigte Staaten", "The United States"},
		"GB": {"uk", "U.K.", "England", "Great Britain", "Vương quốc Anh", "Anh Quốc", "Britain"}, "JP": {"日本", "japan", "Nhật", "Nippon"}, "TW": {"Taiwan", "臺灣", "Đài Loan"}, "GR": {"Ελλάδα", "ΕΛΛΑΔΑ"},
		"RU": {"Россия", "Liên bang Nga"}, "NG": {"Nigeria", "ng"}, "AT": {"Österreich", "Osterreich", "Oesterreich", "Áo"}, "AO": {"Angola", "AO", "A.O."}, "BE": {"Bỉ", "be"}, "TR": {"Türkiye", "Turkey"},
		"CI": {"Cote d'Ivoire", "Côte d’Ivoire"}, "VC": {"Saint Vincent and the Grenadines", "St Vincent & Grenadines"}, "NL": {"the netherlands"},
		"CG": {"Congo"}, "CD": {"Congo - Kinshasa"}, "NE": {"Niger"}, "IN": {"भारत"},
		"KR": {"대한민국", "South Korea", "Korea, Republic of", "Korea (the Republic of)"}, "KP": {"Korea, Democratic People's Republic of", "Triều Tiên", "Korea, North"},
		"IR": {"Iran, Islamic Republic of", "Iran (Islamic Republic of)"}, "BO": {"Bolivia (Plurinational State of)"}, "VI": {"Virgin Islands, U.S."},
		"HK": {"Hong Kong SAR", "Hong Kong, China"}, "MM": {"Miến Điện"}, "AU": {"Úc", "uc", "Nước Úc"}, "IT": {"Ý", "NƯỚC Ý"}, "SA": {"Ả Rập Saudi", "Ả Rập Xê Út"},
		"CH": {"Thuỵ Sỹ", "Thụy Sĩ"}, "CZ": {"Cộng hòa Séc", "Cộng hoà Séc"}, "IE": {"Ai Len"}, "BA": {"Bosnia-Herzegovina", "Bosnia and Herzegovina"}, "RS": {"Srbija"}, "TH": {"ประเทศไทย"},
	}
	lines := func(country, home, code string) (string, error) {
		lines, err := letter.AddressLines(fmt.Sprintf(`{"name":"A","street":"1 B","city":"C","state":"D","postalCode":%q,"country":%q}`, code, country), home)
		return strings.Join(lines, "|"), err
	}
	for code, all := range names {
		for _, home := range []string{code, "CH"} {
			want, err := lines(code, home, "10001")
			if err != nil {
				t.Error(err)
			}
			for _, name := range all {
				if got, err := lines(name, home, "10001"); err != nil || got != want {
					t.Errorf("%s from %s: %q, %v; not %q", name, home, got, err, want)
				}
			}
		}
	}
	for country, want := range map[string]string{
		"Germany": "no postal code, which letters to Germany need", "Deutschland": "to Germany need", "Atlantis": `"Atlantis" is not known`, "XX": "not known",
		"EU": "not known", "ZZZ": "not known", "Nga": "may be Russia or Nigeria; write RU or NG", "?": "not known",
		"My": "may be United States or Malaysia; write US or MY", "ao": "may be Austria or Angola", "Bi": "may be Belgium or Burundi", "China, Republic of": "not known",
	} {
		if got, err := lines(country, "DE", ""); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %q, %v; not %q", country, got, err, want)
		}
	}
}

func TestSafeCells(t *testing.T) {
	for cell, want := range map[string]string{"": "", "Ada": "Ada", "=1+1": "'=1+1", "-1": "'-1", "@x": "'@x", "\tx": "'\tx", "＝1": "'＝1", "1-2": "1-2", "a;=1+1;@x": "a;'=1+1;'@x", "a\t-1": "a\t'-1", "a; b": "a; b",
		`a;"=1+1;b`: `a;"'=1+1;b`, `"=1`: `"'=1`, `a;"'"@x`: `a;"'"'@x`, "a\r-1": "a\r'-1", `a;"b"-1`: `a;"b"-1`} {
		if got := letter.Safe(cell); got != want {
			t.Errorf("%q: %q", cell, got)
		}
	}
}

// FuzzLetter sets whatever comes: it is refused with a reason, or stands on pages within the paper.
func FuzzLetter(f *testing.F) {
	f.Add(vietnam, "Cảm ơn", long)
	f.Add(`{"name":"a","street":"b","city":"c"}`, "", "**a *b** [c](d) `e` \\")
	f.Add(`{"name":"\u0000","street":"\n","city":"`+strings.Repeat("w", 300)+`"}`, "#", strings.Repeat("- ", 50)+"_x_")
	setting, err := letter.NewSetting()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, to, subject, text string) {
		if len(text) > 5000 {
			return
		}
		runs, err := setting.Compose(to, subject, text)
		if err != nil && err.Error() == "" || err == nil && len(runs) == 0 {
			t.Errorf("%d runs, %v", len(runs), err)
		}
		for _, r := range runs {
			if r.Text == "" || strings.ContainsAny(r.Text, "\n\r\t\x00") || r.X < 20 || r.Right > 190.1 || r.Y < 10 || r.Y > 287 {
				t.Errorf("%+v", r)
			}
		}
	})
}
