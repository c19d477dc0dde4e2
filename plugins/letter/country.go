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
	"AE": {"UAE", "Emirates"}, "BA": {"Bosnia"}, "BN": {"Brunei Darussalam"}, "BO": {"Plurinational State of Bolivia"}, "BY": {"Belorussia"},
	"CD": {"DR Congo", "DRC", "Democratic Republic of the Congo", "Congo-Kinshasa"}, "CG": {"Congo", "Republic of the Congo"},
	"CH": {"Suisse", "Svizzera", "Svizra"}, "CI": {"Ivory Coast"}, "CN": {"People's Republic of China", "PRC", "中国", "中國"}, "CV": {"Cabo Verde"},
	"CZ": {"Czech Republic", "Česká republika", "Tschechische Republik"}, "DE": {"Bundesrepublik Deutschland", "Federal Republic of Germany", "BRD"},
	"FM": {"Federated States of Micronesia"},
	"GB": {"Great Britain", "England", "Scotland", "Wales", "Northern Ireland", "United Kingdom of Great Britain and Northern Ireland", "U.K.", "Anh", "Nước Anh"},
	"HK": {"Hong Kong", "Hongkong", "Hồng Kông", "香港"}, "IE": {"Éire", "Republic of Ireland"}, "IN": {"Bharat"}, "IR": {"Islamic Republic of Iran"},
	"KP": {"Democratic People's Republic of Korea", "Bắc Triều Tiên"}, "KR": {"Korea", "Republic of Korea", "한국"}, "LA": {"Lao PDR", "Lao People's Democratic Republic"},
	"MD": {"Republic of Moldova"}, "MK": {"North Macedonia", "Bắc Macedonia"}, "MM": {"Myanmar", "Burma"}, "MO": {"Macau", "Macao", "Ma Cao", "澳門"},
	"NL": {"The Netherlands", "Holland"}, "PH": {"The Philippines"}, "PS": {"Palestine", "State of Palestine"}, "RU": {"Russian Federation", "Российская Федерация"},
	"SY": {"Syrian Arab Republic"}, "SZ": {"Eswatini"}, "TL": {"East Timor"}, "TR": {"Republic of Türkiye"}, "TW": {"臺灣"},
	"TZ": {"United Republic of Tanzania"}, "US": {"United States of America", "U.S.", "U.S.A.", "America", "Mỹ", "Nước Mỹ"}, "VA": {"Holy See", "Vatican"},
	"VE": {"Bolivarian Republic of Venezuela"}, "VN": {"Socialist Republic of Vietnam", "Cộng hòa xã hội chủ nghĩa Việt Nam", "CHXHCN Việt Nam"},
	"XK": {"XKX"},
}

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

// folded is a name without what people write in different ways: case, accents, spaces and signs, "St." and "Saint", "&" and
// "and", "the".
func folded(name string) string {
	var words []string
	var word strings.Builder
	end := func() {
		switch text := word.String(); text {
		case "", "the":
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
// letters, or by a name. What is written in two plain letters is a code. The error says that it is not known, or that it may be
// one of two.
func countryCode(country string) (string, error) {
	if len(country) == 2 && isPlain(country) {
		if region, err := language.ParseRegion(strings.ToUpper(country)); err == nil && isCountry(region) {
			return region.Canonicalize().String(), nil
		}
	}
	byName, byCode := countryNames()[folded(country)], ""
	if len(country) == 3 && isPlain(country) {
		byCode = countryNames()[strings.ToUpper(country)]
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
