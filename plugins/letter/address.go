package letter

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Limits of an address.
const (
	maxAddressBytes = 2000
	maxAddressLines = 6 // of the window's address zone
)

// address is who a letter goes to: what Message.To holds as JSON.
type address struct {
	Name       string `json:"name"`
	Company    string `json:"company,omitempty"`
	Street     string `json:"street"` // may have several lines
	PostalCode string `json:"postalCode,omitempty"`
	City       string `json:"city"`
	State      string `json:"state,omitempty"`
	Country    string `json:"country,omitempty"` // a code or a name; parseAddress makes it two letters of ISO 3166
}

// withoutCode are countries in which letters arrive without a postal code: those that have none, and Vietnam, whose
// codes few people know.
var withoutCode = []string{
	"AE", "AG", "AO", "BF", "BI", "BJ", "BO", "BS", "BW", "BZ", "CD", "CF", "CG", "CI", "CM", "DJ", "DM", "ER", "FJ", "GA", "GD", "GH", "GM",
	"GQ", "GY", "HK", "IE", "JM", "KI", "KM", "KN", "ML", "MO", "MR", "MW", "NR", "QA", "RW", "SB", "SC", "SL", "SR", "ST", "SY", "TD", "TG",
	"TO", "TV", "UG", "VN", "VU", "YE", "ZW",
}

// parseAddress reads and checks an address; home is the country of one that names none.
func parseAddress(to, home string) (address, error) {
	var a address
	if len(to) > maxAddressBytes || !strings.HasPrefix(to, "{") || json.Unmarshal([]byte(to), &a) != nil {
		return a, errors.New(`the address is not a JSON object such as {"name": …, "street": …, "postalCode": …, "city": …, "country": …}`)
	}
	var streets []string
	for line := range strings.SplitSeq(clean(a.Street), "\n") {
		if line = tidy(line); line != "" {
			streets = append(streets, line)
		}
	}
	a.Street = strings.Join(streets, "\n")
	for _, part := range []*string{&a.Name, &a.Company, &a.PostalCode, &a.City, &a.State, &a.Country} {
		*part = tidy(*part)
	}
	var unknown error
	if a.Country == "" {
		a.Country = home
	} else if code, err := countryCode(a.Country); err == nil {
		a.Country = code
	} else {
		unknown = err
	}
	switch {
	case a.Name == "" && a.Company == "":
		return a, errors.New("the address is incomplete: it has no name")
	case a.Street == "":
		return a, errors.New("the address is incomplete: it has no street")
	case a.City == "":
		return a, errors.New("the address is incomplete: it has no city")
	case unknown != nil:
		return a, unknown
	case a.PostalCode == "" && !slices.Contains(withoutCode, a.Country):
		return a, fmt.Errorf("the address is incomplete: it has no postal code, which letters to %s need", regionName(a.Country))
	}
	return a, nil
}

// lines is the address as it is written in its country, see the Universal Postal Union's "Postal addressing systems". The
// country stands in capitals in the last line of a letter that goes abroad.
func (a address) lines(abroad bool) []string {
	var lines []string
	if a.Name != "" {
		lines = append(lines, a.Name)
	}
	if a.Company != "" {
		lines = append(lines, a.Company)
	}
	lines = append(lines, strings.Split(a.Street, "\n")...)
	switch a.Country {
	case "US", "CA", "AU", "PR", "IN":
		lines = append(lines, spaced(a.City, a.State, a.PostalCode))
	case "VN", "TH", "ID", "MY", "PH":
		if a.State == "" {
			lines = append(lines, spaced(a.City, a.PostalCode))
		} else {
			lines = append(lines, a.City, spaced(a.State, a.PostalCode))
		}
	case "GB", "IE":
		lines = append(lines, a.City)
		lines = appendFull(lines, a.State, a.PostalCode)
	default:
		lines = append(lines, spaced(a.PostalCode, a.City))
		lines = appendFull(lines, a.State)
	}
	if abroad {
		lines = append(lines, strings.ToUpper(regionName(a.Country)))
	}
	return lines
}

func spaced(parts ...string) string { return strings.Join(appendFull(nil, parts...), " ") }

func appendFull(lines []string, more ...string) []string {
	for _, line := range more {
		if line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}
