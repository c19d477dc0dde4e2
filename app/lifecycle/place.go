package lifecycle

import (
	"encoding/json"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// placePrefix begins the kinds of identities that are an address of letters, or of a channel of others, as in "place:fax". Whoever has one
// is nobody's relative by it: it finds and joins nobody. Only what speaks against writing there is kept under it.
const placePrefix = "place:"

// IsPlace reports whether the identity is such an address.
func (k IdentityKind) IsPlace() bool { return strings.HasPrefix(string(k), placePrefix) }

// PlaceOf returns the kind of channel whose addresses are of the kind; "" if it is no kind of places.
func (k IdentityKind) PlaceOf() string {
	kind, _ := strings.CutPrefix(string(k), placePrefix)
	if !k.IsPlace() {
		return ""
	}
	return kind
}

// HasPlaces reports whether the addresses of a channel are places: what speaks against writing to one is asked before the first
// message leaves for there, and not when the address is said.
func HasPlaces(channel string) bool {
	switch KindOf(channel) {
	case "email", "sms", "call", "push", "social", "inapp", "webhook":
		return false
	}
	return true
}

// placeIdentity returns the identity that is an address of such a channel.
func placeIdentity(channel, address string) (Identity, bool) {
	value := place(channel, address)
	return Identity{IdentityKind(placePrefix + KindOf(channel)), value}, value != ""
}

// place is the form in which such addresses are compared; "" for what is none. What those of others mean only their connector knows: white
// space does not count, and case does, by which tokens and IDs may differ. That of a letter is place again.
func place(channel, address string) string {
	if KindOf(channel) == "letter" {
		return household(address)
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, norm.NFC.String(address))
}

// companyPrefix begins the addressee that is a company and nobody in it.
const companyPrefix = "& "

// OfCompany reports whether the identity is where letters go to a company: whoever else is there may have it too.
func (i Identity) OfCompany() bool {
	return i.Kind.PlaceOf() == "letter" && strings.HasPrefix(i.Value, companyPrefix)
}

// Former returns the form in which a place was compared before case told addresses apart, and companies were told from people; false if
// that is the same. What was kept then lies under it.
func (i Identity) Former() (Identity, bool) {
	former := i
	switch i.Kind.PlaceOf() {
	case "":
	case "letter":
		former.Value = strings.TrimPrefix(i.Value, companyPrefix)
	default:
		former.Value = strings.ToLower(i.Value)
	}
	return former, former != i
}

// household is a letter's addressee: the name, or the company where there is none, the street and the city, by their letters and digits.
// Others in the same house are others. Postal code, state and country do not count: people write them in many ways, or not at
// all.
func household(address string) string {
	if !strings.HasPrefix(address, "{") { // it is one already
		if of, is := strings.CutPrefix(address, companyPrefix); is {
			return strings.TrimSuffix(companyPrefix+words(of), companyPrefix)
		}
		return words(address)
	}
	var fields struct{ Name, Company, Street, City string }
	if json.Unmarshal([]byte(address), &fields) != nil {
		return ""
	}
	where := strings.TrimSpace(words(fields.Street) + " " + words(fields.City))
	if who := words(fields.Name); who != "" {
		return strings.TrimSpace(who + " " + where)
	}
	if who := strings.TrimSpace(words(fields.Company) + " " + where); who != "" {
		return companyPrefix + who
	}
	return ""
}

// words are the letters and digits of a text in lower case, with one space between those that are apart.
func words(text string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(norm.NFC.String(text)), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r)
	}), " ")
}
