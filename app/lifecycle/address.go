package lifecycle

import (
	"encoding/json"
	"net/mail"
	"slices"
	"strings"
)

// Limits of addresses.
const (
	maxMailAddress = 254 // RFC 5321, with its brackets taken off
	// Bytes of an address of which only its connector knows what it is.
	maxOtherAddress = 1024
)

// socialTraits are the traits by which the channel social reaches somebody, the preferred one first, and the provider each
// belongs to.
var socialTraits = []socialTrait{
	{"zalo", "zalo"}, {"whatsapp", "whatsapp"}, {"telegram", "telegram"}, {"messenger", "messenger"}, {"slack", "slack"},
}

type socialTrait struct{ trait, provider string }

// Reachable reports whether a message about a topic may go by a channel as far as the customer is concerned: there is an
// address, nothing suppresses it, and they did not say no. What somebody is owed asks for no consent.
func (c *Customer) Reachable(channel, topic string, kind MessageKind) bool {
	address, problem := c.Address(channel)
	if problem != "" {
		return false
	}
	if _, suppressed := c.Suppressed(channel, address); suppressed {
		return false
	}
	word, said := c.Consented(channel, topic)
	return kind == Transactional || !said || word.Granted
}

// Address returns where a channel reaches the customer, as its connector understands it, or why it does not: where its kind does.
// It stands in the traits email, phone, push (a token or a Web Push subscription), address (of letters) and those named like the
// social providers; that of a channel of others in the trait named like the channel. Tokens belong to one sender: the trait named
// like a further channel of notifications or chat comes first, and social-telegram reaches Telegram only.
func (c *Customer) Address(channel string) (address, problem string) {
	switch kind := KindOf(channel); kind {
	case "email":
		return c.mailAddress()
	case "sms", "call":
		return c.phoneNumber()
	case "push":
		if kind != channel && len(c.Traits[channel]) > 0 {
			return c.pushTarget(channel)
		}
		return c.pushTarget("push")
	case "social":
		if kind != channel && len(c.Traits[channel]) > 0 {
			if address, problem = c.traitAddress(channel); problem == "" {
				return chatAddress(address)
			}
			return "", problem
		}
		return c.socialAddress(strings.TrimPrefix(channel, "social-"))
	case "letter":
		return c.postalAddress()
	case "inapp":
		return c.inboxAddress()
	case "webhook":
		return "", BecauseNoAddress
	}
	return c.traitAddress(channel)
}

// traitAddress is what the trait named like the channel says, a text of one line.
func (c *Customer) traitAddress(trait string) (address, problem string) {
	value, _ := c.Trait(trait).(string)
	switch value = strings.TrimSpace(value); {
	case value == "":
		return "", BecauseNoAddress
	case len(value) > maxOtherAddress || strings.ContainsAny(value, "\r\n\x00"):
		return "", BecauseBadAddress
	}
	return value, ""
}

func (c *Customer) mailAddress() (address, problem string) {
	to, _ := c.Trait("email").(string)
	if to == "" {
		return "", BecauseNoAddress
	}
	if !IsMailAddress(to) {
		return "", BecauseBadAddress
	}
	return to, ""
}

// IsMailAddress reports whether text is a mail address and nothing else.
func IsMailAddress(text string) bool {
	if len(text) > maxMailAddress {
		return false
	}
	if plainMail(text) {
		return true
	}
	parsed, err := mail.ParseAddress(text)
	return err == nil && parsed.Address == text
}

// plainMail reports whether text is an address as nearly all are: words of letters, digits and a few signs, with dots
// between them. Every one is an address by RFC 5322; it is asked for each message, and reading them whole takes longer.
func plainMail(text string) bool {
	at, word := -1, 0 // where @ stands, and how long the word is that is being read
	for i := range len(text) {
		switch c := text[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', at < 0 && (c == '_' || c == '+'):
			word++
		case c == '.' && word > 0:
			word = 0
		case c == '@' && at < 0 && word > 0:
			at, word = i, 0
		default:
			return false
		}
	}
	return at > 0 && word > 0
}

func (c *Customer) pushTarget(trait string) (address, problem string) {
	switch target := c.Trait(trait).(type) {
	case nil:
		return "", BecauseNoAddress
	case string:
		if target == "" {
			return "", BecauseNoAddress
		}
		return target, ""
	case map[string]any:
		if endpoint, _ := target["endpoint"].(string); endpoint != "" {
			return string(c.Traits[trait]), ""
		}
	}
	return "", BecauseBadAddress
}

// pushEndpoint returns what tells the push address of one device from that of another: the token, or the endpoint of a
// subscription.
func pushEndpoint(address string) (string, bool) {
	if !strings.HasPrefix(address, "{") {
		return address, address != ""
	}
	var subscription struct {
		Endpoint string `json:"endpoint"`
	}
	err := json.Unmarshal([]byte(address), &subscription)
	return subscription.Endpoint, err == nil && subscription.Endpoint != ""
}

// socialAddress is the preferred one; only says which one a channel named after a provider has.
func (c *Customer) socialAddress(only string) (address, problem string) {
	of := slices.ContainsFunc(socialTraits, func(known socialTrait) bool { return known.provider == only })
	for _, known := range socialTraits {
		if value, _ := c.Trait(known.trait).(string); value != "" && (!of || known.provider == only) {
			return chatAddress(known.provider + ":" + value)
		}
	}
	return "", BecauseNoAddress
}

// chatAddress reads an address of chat. WhatsApp and Zalo's notices go to telephone numbers, which are read as others are; beyond
// that digits alone, as Meta writes them, are an international number without its plus. The trait zalo may say zns: before one.
func chatAddress(written string) (address, problem string) {
	provider, id, _ := strings.Cut(written, ":")
	if number, is := strings.CutPrefix(strings.TrimSpace(id), "zns:"); is && provider == "zalo" {
		provider, id = "zns", number
	}
	if provider != "whatsapp" && provider != "zns" {
		return written, ""
	}
	id = strings.TrimSpace(id)
	number, ok := dialled(id)
	if !ok && len(id) >= minWholeDigits && digitsOnly(id) {
		number, ok = dialled("+" + id)
	}
	if !ok {
		return "", BecauseBadAddress
	}
	return provider + ":" + number, ""
}

// SocialAddress returns the address of chat that a trait says, as "zalo:4711"; false if it is none of the traits that do: one of
// each network, and those named like further channels, which say the network themselves.
func SocialAddress(trait, value string) (address string, ok bool) {
	written := ""
	if value = strings.TrimSpace(value); IsFurther(trait) && KindOf(trait) == "social" {
		written = value
	}
	for _, known := range socialTraits {
		if known.trait == trait && value != "" {
			written = known.provider + ":" + value
		}
	}
	if written == "" {
		return "", false
	}
	address, problem := chatAddress(written)
	return address, problem == ""
}

// IsAddressTrait reports whether a trait holds an address to which messages go, as Address finds them, but for channels of others.
func IsAddressTrait(trait string) bool {
	switch trait {
	case "email", "phone", "push", "address":
		return true
	}
	if kind := KindOf(trait); kind != trait {
		return kind == "push" || kind == "social" // the others have no trait of their own
	}
	return slices.ContainsFunc(socialTraits, func(known socialTrait) bool { return known.trait == trait })
}

// inboxAddress is the user ID: whoever has none has not logged in anywhere, and nobody could prove that an inbox is theirs.
func (c *Customer) inboxAddress() (address, problem string) {
	if user := c.UserID(); user != "" {
		return user, ""
	}
	return "", BecauseNoAddress
}
