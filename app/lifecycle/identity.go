package lifecycle

import (
	"slices"
	"strings"
)

// Further kinds of identities. A device is the token of an app or the endpoint of a browser that takes push messages.
const (
	EmailIdentity  IdentityKind = "email"
	PhoneIdentity  IdentityKind = "phone" // E.164, as in +84901234567
	DeviceIdentity IdentityKind = "device"
	SocialIdentity IdentityKind = "social" // the provider and its ID, as in zalo:4711; it leads to nobody, but something may speak against writing there
)

// externalPrefix begins the kinds of IDs that other systems gave, as in "external:shopify".
const externalPrefix = "external:"

const maxDeviceBytes = 600 // of a push endpoint; those of browsers have up to about 500

// ExternalIdentity is the kind of the IDs of another system, such as "shopify".
func ExternalIdentity(system string) IdentityKind {
	return IdentityKind(externalPrefix + strings.ToLower(strings.TrimSpace(system)))
}

// External returns the name of the system whose ID this is, or "".
func (k IdentityKind) External() string {
	system, ok := strings.CutPrefix(string(k), externalPrefix)
	if !ok {
		return ""
	}
	return system
}

// ByName reports whether events are sent under identities of the kind. The others are said of somebody in passing, and
// prove nothing when they come with a key that anybody can read.
func (k IdentityKind) ByName() bool { return k == UserID || k == AnonymousID }

// ParseIdentity makes an identity of a kind and a value as people write them; false if it is none. Mail addresses are
// compared in lower case and with the ASCII form of their domain, telephone numbers in the form of E.164.
func ParseIdentity(kind IdentityKind, value string) (Identity, bool) {
	value = strings.TrimSpace(value)
	limit := MaxNameBytes
	switch {
	case kind == EmailIdentity:
		if !IsMailAddress(value) {
			return Identity{}, false
		}
		value, limit = mailbox(value), maxMailAddress
	case kind == PhoneIdentity:
		number, ok := dialled(value)
		if !ok {
			return Identity{}, false
		}
		value = number
	case kind == DeviceIdentity:
		limit = maxDeviceBytes
	case kind.ByName():
	case kind == SocialIdentity:
		if provider, id, _ := strings.Cut(value, ":"); provider == "" || id == "" {
			return Identity{}, false
		}
		address, problem := chatAddress(value)
		if problem != "" {
			return Identity{}, false
		}
		value = address
	case kind.External() == "" || len(kind) > 80:
		return Identity{}, false
	}
	return Identity{kind, value}, value != "" && len(value) <= limit
}

// AddressIdentity returns the identity that is an address of a channel; false for channels whose addresses nobody else can have, and for
// what is no address. That of a letter, or of a channel of others, is a place.
func AddressIdentity(channel, address string) (Identity, bool) {
	switch KindOf(channel) {
	case "email":
		return ParseIdentity(EmailIdentity, address)
	case "sms", "call":
		return ParseIdentity(PhoneIdentity, address)
	case "push":
		if endpoint, ok := pushEndpoint(address); ok {
			return ParseIdentity(DeviceIdentity, endpoint)
		}
	case "social":
		return ParseIdentity(SocialIdentity, address)
	}
	if HasPlaces(channel) {
		return placeIdentity(channel, address)
	}
	return Identity{}, false
}

// AddressName is the anonymous ID of somebody of whom only an address is known, such as email:ada@example.com; false if the
// identity is no address.
func AddressName(address Identity) (string, bool) {
	if address.Kind != EmailIdentity && address.Kind != PhoneIdentity {
		return "", false
	}
	return string(address.Kind) + ":" + address.Value, true
}

// NamedAddress returns the address of which an anonymous ID is the AddressName; false if it is none.
func NamedAddress(name string) (Identity, bool) {
	kind, value, _ := strings.Cut(name, ":")
	if kind != string(EmailIdentity) && kind != string(PhoneIdentity) {
		return Identity{}, false
	}
	return ParseIdentity(IdentityKind(kind), value)
}

// givenNames begin the anonymous IDs that we give to people of whom no better name is known: of sources, and of forms.
var givenNames = []string{"email:", "phone:", sourcePrefix, subscriberPrefix, applicantPrefix}

const sourcePrefix = "source:"

// SourceName is the anonymous ID of somebody of whom only the ID is known that a source's provider gave them.
func SourceName(source, external string) string { return sourcePrefix + source + ":" + external }

// nobodysNames are what programs send when they know nobody, in lower case.
var nobodysNames = []string{
	"null", "nil", "none", "undefined", "nan", "true", "false", "0", "-1", "n/a", "#n/a", `\n`, "[object object]", "not_authenticated",
	"00000000-0000-0000-0000-000000000000", "distinct_id", "userid", "user_id", "anonymousid", "anonymous_id",
}

// tryOuts are local parts and hosts of addresses with which people try a form out.
var (
	tryOutNames = []string{"test", "tester", "testing", "asdf", "foo", "bar", "a", "aa", "aaa", "abc", "x", "xx", "xxx", "none", "no", "null", "email", "mail", "nobody"}
	tryOutHosts = []string{"test.com", "test.test", "test.de", "testing.com", "asdf.com", "foo.com", "bar.com", "a.com", "aa.com", "abc.com", "x.com", "xx.com", "none.com", "no.com",
		"email.com", "mail.com", "nowhere.com", "localhost"}
)

// Meaningless reports whether a value names nobody, whoever sends it: "null" as a user ID, test@test.com, a number whose digits
// behind the calling code are all the same. Nobody becomes somebody else's because both have it.
func (i Identity) Meaningless() bool {
	switch {
	case i.Kind.IsPlace(): // where nobody becomes somebody else's
		return false
	case i.Kind == EmailIdentity:
		name, host, _ := strings.Cut(i.Value, "@")
		return slices.Contains(tryOutNames, name) && slices.Contains(tryOutHosts, host)
	case i.Kind == PhoneIdentity: // numbers that end with many of one digit are sold, and somebody has them
		national := withoutCallingCode(i.Value)
		return national != "" && strings.Trim(national, national[:1]) == "" || strings.HasSuffix(i.Value, "1234567890")
	}
	return slices.Contains(nobodysNames, strings.ToLower(i.Value))
}

// Named reports whether a user ID is the customer's own: their ID is that of a user ID, or they were given one when they had
// none. Then they stay when somebody known by less becomes part of them. A user ID of which it was only said that it is
// theirs may be somebody else's.
func (c *Customer) Named() bool {
	if c.Called {
		return true
	}
	for _, identity := range c.Identities {
		if identity.Kind == UserID && identity.Hash() == c.ID {
			return true
		}
	}
	return false
}
