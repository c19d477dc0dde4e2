package cli

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"stagecraft/app/lifecycle"
)

// The words by which lists say how somebody stands, as lifecycle.PlainWord writes them. What is none of them is never guessed: the
// row is refused.
var (
	statusGrants = []string{"subscribed", "enabled", "confirmed", "active", "opted in", "opt in", "optin", "single", "double"}
	statusSilent = []string{"unconfirmed", "pending", "never subscribed", "not subscribed", "non subscribed", "nonsubscribed", "transactional", "none", "new", "unknown"}
	statusRefuse = []string{"unsubscribed", "disabled", "blocklisted", "blacklisted", "opted out", "opt out", "optout", "inactive", "archived", "do not contact", "unsubscribe", "user suppressed"}
	statusBounce = []string{"bounced", "bounce", "cleaned", "hard bounce", "hardbounce", "hard bounced", "undeliverable", "invalid", "invalid email"}
	statusAbuse  = []string{"complained", "complaint", "abuse", "spam", "spam complaint", "marked as spam"}
)

// yesOrNo reads a yes, a no, or a date, which is a yes that was said then. The word "unsubscribed" is a no to consent, and a yes to
// being unsubscribed.
func yesOrNo(target string, value Value) (yes bool, at time.Time, err error) {
	text, err := wordOf(target, value)
	if err != nil {
		return false, time.Time{}, err
	}
	head, _, _ := strings.Cut(target, ".")
	if yes, known := lifecycle.SaysYes(text, head == "unsubscribed"); known {
		return yes, time.Time{}, nil
	}
	if at, ok := ParseTime(strings.TrimSpace(text)); ok {
		return true, at, nil
	}
	return false, time.Time{}, invalidField(target, "%s %q is neither yes nor no, nor a date", target, shorten(text))
}

// wordOf is textOf, for what may be a JSON boolean as well.
func wordOf(target string, value Value) (string, error) {
	if text := string(value.JSON); text == "true" || text == "false" {
		return text, nil
	}
	return textOf(target, value)
}

// word takes what a column says about being written to.
func (c *customer) word(head, rest string, value Value) error {
	channel, topic, _ := strings.Cut(rest, ".")
	target := head
	if rest != "" {
		target += "." + rest
	}
	if head == "status" {
		return c.status(target, channel, value)
	}
	yes, at, err := yesOrNo(target, value)
	if err != nil {
		return err
	}
	if channel == "*" {
		channel = ""
	}
	switch {
	case head == "consent":
		c.Consents = append(c.Consents, lifecycle.Consent{Channel: channel, Topic: topic, Granted: yes, At: at})
	case !yes: // not to have unsubscribed is no consent
	case head == "unsubscribed":
		c.Consents = append(c.Consents, lifecycle.Consent{Channel: channel, Topic: topic, At: at})
	case head == "bounced":
		c.suppress(channel, lifecycle.SuppressedBounce, at)
	default:
		c.suppress(channel, lifecycle.SuppressedComplaint, at)
	}
	return nil
}

func (c *customer) suppress(channel, reason string, at time.Time) {
	if channel == "" {
		channel = "email"
	}
	c.Suppressions = append(c.Suppressions, lifecycle.Suppression{Channel: channel, Reason: reason, At: at})
}

// status takes a word that says how somebody stands to a channel, or a list of them.
func (c *customer) status(target, channel string, value Value) error {
	text, err := wordOf(target, value)
	if err != nil {
		return err
	}
	if channel == "" {
		channel = "email"
	}
	for _, one := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune("[],;|'\"", r) }) {
		if strings.TrimSpace(one) == "" {
			continue
		}
		switch plain := lifecycle.PlainWord(one); {
		case slices.Contains(statusSilent, plain):
		case slices.Contains(statusGrants, plain), slices.Contains(statusRefuse, plain):
			c.Consents = append(c.Consents, lifecycle.Consent{Channel: channel, Granted: slices.Contains(statusGrants, plain)})
		case slices.Contains(statusBounce, plain):
			c.suppress(channel, lifecycle.SuppressedBounce, time.Time{})
		case slices.Contains(statusAbuse, plain):
			c.suppress(channel, lifecycle.SuppressedComplaint, time.Time{})
		default:
			return invalidField(target, "%s %q is not known; there are %s", target, shorten(text),
				strings.Join(slices.Concat(statusGrants[:4], statusSilent[:2], statusRefuse[:4], statusBounce[:3], statusAbuse[:3]), ", "))
		}
	}
	return nil
}

// stricter leaves out each yes of a row that a no of the same row takes back: two columns may say different things, and which
// of them was named first is no reason to write to somebody. A no without a time is of now.
func stricter(words []lifecycle.Consent) []lifecycle.Consent {
	return slices.DeleteFunc(words, func(yes lifecycle.Consent) bool {
		return yes.Granted && slices.ContainsFunc(words, func(no lifecycle.Consent) bool {
			return !no.Granted && no.Channel == yes.Channel && no.Topic == yes.Topic && (no.At.IsZero() || !yes.At.After(no.At))
		})
	})
}

// tagsOf reads tags: a JSON list, or names between commas, semicolons or bars. One in quotes may hold these.
func tagsOf(value Value) ([]string, error) {
	var tags []string
	raw := value.JSON
	if raw == nil && strings.HasPrefix(value.Text, "[") && json.Valid([]byte(value.Text)) {
		raw = json.RawMessage(value.Text)
	}
	if len(raw) > 0 && raw[0] == '[' {
		if json.Unmarshal(raw, &tags) != nil {
			return nil, invalidField("tags", "tags must be a list of texts")
		}
		return tags, nil
	}
	text, err := textOf("tags", value)
	if err != nil && value.JSON != nil {
		return nil, err
	}
	if value.JSON == nil {
		text = value.Text // a list of tags may be longer than a name
	}
	from, quoted := 0, false
	for at, r := range text + "," {
		if r == '"' {
			quoted = !quoted
		}
		if at < len(text) && (quoted || r != ',' && r != ';' && r != '|') {
			continue
		}
		if tag := strings.Trim(strings.TrimSpace(text[from:at]), `"`); tag != "" && !slices.Contains(tags, tag) {
			tags = append(tags, tag)
		}
		from = at + 1
	}
	return tags, nil
}

// objectOf reads a JSON object, which stands as text in a cell of CSV.
func objectOf(target string, value Value) (object map[string]json.RawMessage, err error) {
	raw := value.JSON
	if raw == nil {
		raw = json.RawMessage(value.Text)
	}
	if json.Unmarshal(raw, &object) != nil {
		return nil, invalidField(target, "%s %s is no JSON object", target, shorten(string(raw)))
	}
	return object, nil
}

// moment reads a time that is not the row's timestamp.
func moment(target string, value Value) (time.Time, error) {
	at, err := timestampOf(value)
	if err != nil {
		return at, invalidField(target, "%s", strings.Replace(err.Error(), "timestamp", target, 1))
	}
	return at, nil
}

func trimmed(target string, value Value) (string, error) {
	text, err := textOf(target, value)
	return strings.TrimSpace(text), err
}
