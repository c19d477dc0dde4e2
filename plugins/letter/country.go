package letter

import (
	"fmt"
	"strings"
	"sync"
	"unicode"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"
	"golang.org/x/text/unicode/norm"
)

// nameLanguages are those in which every country's name is understood; its own is another one.
var nameLanguages = []language.Tag{
	language.English, language.Vietnamese, language.German, language.French, language.Spanish, language.Italian, language.Portuguese, language.Dutch,
}

// otherNames are what countries are called besides what the Unicode CLDR calls them.
var otherNames = map[string][]string{
	"AE": {"UAE", "Emirates"}, "AF": {"Áp-ga-ni-xtan"}, "AR": {"Ác-hen-ti-na", "Á Căn Đình"}, "AU": {"Úc", "Úc Đại Lợi", "Ô-xtrây-li-a"},
	"BA": {"Bosnia"}, "BD": {"Băng-la-đét"}, "BG": {"Bun-ga-ri"}, "BN": {"Brunei Darussalam", "Bru-nây"}, "BO": {"Plurinational State of Bolivia"},
	"BQ": {"Bonaire, Sint Eustatius and Saba"}, "BR": {"Bra-xin", "Ba Tây"}, "BY": {"Belorussia", "Bê-la-rút"}, "CA": {"Gia Nã Đại"},
	"CD": {"DR Congo", "DRC", "Democratic Republic of the Congo", "Congo-Kinshasa", "Cộng hòa Dân chủ Congo"}, "CG": {"Congo", "Republic of the Congo", "Cộng hòa Congo"},
	"CH": {"Suisse", "Svizzera", "Svizra", "Thụy Sỹ"}, "CI": {"Ivory Coast", "Bờ Biển Ngà"},
	"CN": {"People's Republic of China", "PRC", "中国", "中國", "中华人民共和国", "Trung Hoa", "Cộng hòa Nhân dân Trung Hoa", "CHND Trung Hoa"}, "CV": {"Cabo Verde"},
	"CZ": {"Czech Republic", "Česká republika", "Tschechische Republik", "Cộng hòa Séc", "CH Séc"},
	"DE": {"Bundesrepublik Deutschland", "Federal Republic of Germany", "BRD", "Cộng hòa Liên bang Đức", "CHLB Đức"},
	"FK": {"Falkland Islands (Malvinas)"}, "FM": {"Federated States of Micronesia"}, "FR": {"Cộng hòa Pháp"},
	"GB": {"Great Britain", "Britain", "England", "Scotland", "Wales", "Northern Ireland", "United Kingdom of Great Britain and Northern Ireland", "Anh", "Anh Quốc", "Liên hiệp Anh", "Vương quốc Liên hiệp Anh"},
	"GR": {"Hi Lạp", "Hellas"}, "HK": {"Hong Kong", "Hong Kong SAR", "Hong Kong, China", "Hongkong", "Hồng Kông", "Hương Cảng", "香港"},
	"HM": {"Heard Island and McDonald Islands"}, "HU": {"Hung-ga-ri", "Hung Gia Lợi"}, "ID": {"In-đô-nê-xi-a", "Nam Dương"},
	"IE": {"Éire", "Republic of Ireland", "Ai Len", "Ái Nhĩ Lan", "Cộng hòa Ireland"}, "IL": {"I-xra-en"}, "IN": {"Bharat"}, "IQ": {"I-rắc"},
	"IR": {"Islamic Republic of Iran"}, "IS": {"Ai-xơ-len", "Băng Đảo"}, "IT": {"Ý"}, "JP": {"Nhật", "Nippon", "Nihon", "日本国"},
	"KH": {"Căm Bốt", "Cao Miên"}, "KP": {"Democratic People's Republic of Korea", "DPRK", "Bắc Triều Tiên", "Bắc Hàn", "CHDCND Triều Tiên"},
	"KR": {"Korea", "Republic of Korea", "한국", "Nam Hàn", "Nam Triều Tiên", "Đại Hàn Dân Quốc"}, "LA": {"Lao PDR", "Lao People's Democratic Republic", "Ai Lao"},
	"LK": {"Xri Lan-ca"}, "LU": {"Lúc-xăm-bua"}, "MD": {"Republic of Moldova"}, "MF": {"Saint Martin (French part)"},
	"MK": {"North Macedonia", "Bắc Macedonia", "The former Yugoslav Republic of Macedonia"}, "MM": {"Myanmar", "Burma", "Miến Điện", "Mi-an-ma"},
	"MO": {"Macau", "Macao", "Macau SAR", "Macao SAR", "Macau, China", "Macao, China", "Ma Cao", "澳門"}, "MX": {"Mê-hi-cô", "Mễ Tây Cơ"}, "MY": {"Ma-lai-xi-a", "Mã Lai"},
	"NL": {"The Netherlands", "Kingdom of the Netherlands", "Holland", "Hòa Lan"}, "NP": {"Nê-pan"}, "NZ": {"Niu Di-lân", "Tân Tây Lan"},
	"PH": {"The Philippines", "Phi-líp-pin", "Phi Luật Tân"}, "PK": {"Pa-ki-xtan"}, "PN": {"Pitcairn"}, "PS": {"Palestine", "State of Palestine"}, "RO": {"Ru-ma-ni"},
	"RS": {"Srbija"}, "RU": {"Russian Federation", "Российская Федерация", "Liên bang Nga"}, "SA": {"Ả Rập Saudi"}, "SG": {"Xin-ga-po", "Tân Gia Ba"},
	"SH": {"Saint Helena, Ascension and Tristan da Cunha"}, "SX": {"Sint Maarten (Dutch part)"}, "SY": {"Syrian Arab Republic"}, "SZ": {"Eswatini"}, "TH": {"ประเทศไทย"},
	"TL": {"East Timor", "Đông Timor"}, "TR": {"Republic of Türkiye", "Thổ Nhĩ Kì"}, "TW": {"臺灣", "Taiwan, Province of China"}, "TZ": {"United Republic of Tanzania"},
	"UM": {"United States Minor Outlying Islands"}, "US": {"United States of America", "America", "Mỹ", "Mĩ", "Hoa Kì", "Hợp chúng quốc Hoa Kỳ"},
	"VA": {"Holy See", "Vatican", "Vatican City State", "Holy See (Vatican City State)", "Tòa thánh Vatican"}, "VE": {"Bolivarian Republic of Venezuela"},
	"VN": {"Socialist Republic of Vietnam", "Cộng hòa xã hội chủ nghĩa Việt Nam", "CHXHCN Việt Nam"}, "XK": {"XKX"}, "ZA": {"Cộng hòa Nam Phi"},
}

// writtenOut are the letters of German where there are none on the keyboard.
var writtenOut = strings.NewReplacer("Ä", "Ae", "Ö", "Oe", "Ü", "Ue", "ä", "ae", "ö", "oe", "ü", "ue", "ß", "ss")

// countryNames are the codes of countries by their folded names, and by their codes of three letters in capitals.
var countryNames = sync.OnceValue(func() map[string]string {
	codes := map[string]string{}
	for n := range 26 * 26 {
		region, err := language.ParseRegion(string([]rune{'A' + rune(n/26), 'A' + rune(n%26)}))
		if err != nil || !isCountry(region) || region.Canonicalize() != region {
			continue
		}
		own, _ := language.Compose(region)
		base, _ := own.Base()
		own, _ = language.Compose(base, region)
		for _, tag := range append(nameLanguages, own) {
			if names := display.Regions(tag); names != nil && names.Name(region) != "" {
				codes[folded(names.Name(region))] = region.String()
				if tag == language.German {
					codes[folded(writtenOut.Replace(names.Name(region)))] = region.String()
				}
			}
		}
		if three := region.ISO3(); three != "ZZZ" {
			codes[three] = region.String()
		}
	}
	for code, names := range otherNames {
		for _, name := range names {
			codes[folded(name)] = code
		}
	}
	return codes
})

// isCountry reports whether letters can go to a region: it is there, and no union of countries.
func isCountry(region language.Region) bool {
	return region.IsCountry() && region.String() != "EZ" && region.String() != "UN" && display.English.Regions().Name(region.Canonicalize()) != ""
}

// folded is a name without what people write in different ways: case, accents, spaces and signs, "St." and "Saint", "&", "and" and
// "the", and what "country" is in Vietnamese.
func folded(name string) string {
	var words []string
	var word strings.Builder
	end := func() {
		switch text := word.String(); text {
		case "", "the", "and", "nuoc":
		case "saint":
			words = append(words, "st")
		default:
			words = append(words, text)
		}
		word.Reset()
	}
	for _, r := range norm.NFKD.String(strings.ToLower(strings.ReplaceAll(name, "&", " and "))) {
		switch {
		case r >= 0x300 && r <= 0x36F: // accents of Latin, Greek and Cyrillic; marks of other scripts are letters
		case r == '.' || r == '\'' || r == '’':
		case r == 'đ':
			word.WriteByte('d')
		case unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsNumber(r):
			word.WriteRune(r)
		default:
			end()
		}
	}
	end()
	return strings.Join(words, "")
}

// countryCode is the code of ISO 3166 in two letters of a country that is given as such a code, in any case, as one of three
// letters, or by a name. What is written in two capitals is a code. The error says that it is not known, or that it may be one of
// two: "My" is how many write Mỹ.
func countryCode(country string) (string, error) {
	byName, byCode := codeOfName(country), ""
	if short := strings.ReplaceAll(country, ".", ""); isPlain(short) { // V.N.
		switch len(short) {
		case 2:
			if region, err := language.ParseRegion(strings.ToUpper(short)); err == nil && isCountry(region) {
				byCode = region.Canonicalize().String()
			}
			if byCode != "" && short == strings.ToUpper(short) {
				return byCode, nil
			}
		case 3:
			byCode = countryNames()[strings.ToUpper(short)]
		}
	}
	switch {
	case byName == "" && byCode == "":
		return "", fmt.Errorf("the country %.80q is not known; write its name in English, or two letters of ISO 3166 such as VN or DE", country)
	case byName == "" || byName == byCode:
		return byCode, nil
	case byCode == "":
		return byName, nil
	}
	return "", fmt.Errorf("the country %q may be %s or %s; write %s or %s", country, regionName(byName), regionName(byCode), byName, byCode)
}

// codeOfName is "" for a name that is not known. ISO 3166 has what a country calls itself at the end: "Korea, Republic of", "Iran
// (Islamic Republic of)".
func codeOfName(name string) string {
	code := countryNames()[folded(name)]
	if at := strings.IndexAny(name, ",("); code == "" && at > 0 {
		code = countryNames()[folded(name[at:]+" "+name[:at])]
	}
	return code
}

func isPlain(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool { return r < 'A' || r > 'Z' && r < 'a' || r > 'z' }) < 0
}

// regionName is a country's name in English, which sorting offices everywhere read. A text that is no code stays as it is: so
// letters were accepted before names were understood.
func regionName(country string) string {
	region, err := language.ParseRegion(country)
	if err != nil || len(country) != 2 {
		return country
	}
	return display.English.Regions().Name(region)
}
