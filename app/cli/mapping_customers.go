package cli

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"stagecraft/app/lifecycle"
)

// A mapping of customers has targets of its own:
//
//	userId, anonymousId             who it is
//	externalId.SYSTEM               the ID that another system has given them
//	email, phone                    kept as traits; without an ID the address says who it is
//	timestamp                       when the list knew all this; none: now
//	created                         when the customer came to be
//	tags                            a list, or names between commas, semicolons or bars
//	traits.NAME                     as with events
//	traits                          a JSON object of them; what traits.NAME says goes before
//	consent[.CHANNEL[.TOPIC]]       yes or no; * is any channel. A date is a yes, said then
//	unsubscribed[.CHANNEL[.TOPIC]]  yes is a no to being written to; a date is a yes, said then
//	bounced[.CHANNEL]               yes or a date: nothing goes to the address any more
//	complained[.CHANNEL]            likewise
//	status[.CHANNEL]                one word for all of this, such as subscribed, unsubscribed, cleaned or complained
//	consentAt                       when all these words were said that have no date of their own
//	stage.JOURNEY, since.JOURNEY    where the customer stands already, and since when
//
// CHANNEL is email where it is left out, of consent and unsubscribed every channel.
var customerTargets = []string{"userId", "anonymousId", "email", "phone", "timestamp", "created", "tags", wholeTraits, "consentAt",
	"consent", "unsubscribed", "bounced", "complained", "status"}

// wholeTraits is the target of all traits in one object.
const wholeTraits = "traits"

// below are the targets that go on after a dot, and with how many names at most.
var below = map[string]int{"consent": 2, "unsubscribed": 2, "bounced": 1, "complained": 1, "status": 1, "stage": 1, "since": 1}

// customer is one customer as the server's import takes them.
type customer struct {
	UserID       string                  `json:"userId,omitempty"`
	AnonymousID  string                  `json:"anonymousId,omitempty"`
	Email        string                  `json:"email,omitempty"`
	Phone        string                  `json:"phone,omitempty"`
	Timestamp    time.Time               `json:"timestamp,omitzero"`
	Created      time.Time               `json:"created,omitzero"`
	Tags         []string                `json:"tags,omitempty"`
	Traits       json.RawMessage         `json:"traits,omitempty"`
	Consents     []lifecycle.Consent     `json:"consents,omitempty"`
	Suppressions []lifecycle.Suppression `json:"suppressions,omitempty"`
	Stages       []place                 `json:"stages,omitempty"`
	kept

	test bool // of a test person of an export: they are left out
}

type place struct {
	Journey string    `json:"journey"`
	Stage   string    `json:"stage"`
	Since   time.Time `json:"since,omitzero"`
}

// identity is the same for all rows of a customer who is named alike, so that they are sent in their order.
func (c *customer) identity() lifecycle.Identity {
	switch {
	case c.UserID != "":
		return lifecycle.Identity{Kind: lifecycle.UserID, Value: c.UserID}
	case c.AnonymousID != "":
		return lifecycle.Identity{Kind: lifecycle.AnonymousID, Value: c.AnonymousID}
	}
	name := c.Email + c.Phone // what is no address the server refuses
	if address, ok := lifecycle.ParseIdentity(lifecycle.EmailIdentity, c.Email); ok {
		name, _ = lifecycle.AddressName(address)
	} else if c.Email == "" {
		name = endOf(c.Phone)
	}
	return lifecycle.Identity{Kind: lifecycle.AnonymousID, Value: name}
}

// endOf returns the last digits of a telephone number. With its calling code or as within its country, which the server alone
// can read, it ends alike.
func endOf(number string) string {
	digits := strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, number)
	if len(digits) < 7 {
		return number // the server refuses it
	}
	return digits[len(digits)-7:]
}

// ParseCustomerMapping reads rules of customers. No rules are no mapping (nil): the rows are then customers of the API
// already.
func ParseCustomerMapping(texts []string) (*Mapping, error) {
	if len(texts) == 0 {
		return nil, nil
	}
	mapping := &Mapping{customers: true}
	for _, text := range texts {
		next, err := parseCustomerRule(text)
		if err != nil {
			return nil, err
		}
		if err = mapping.add(next); err != nil {
			return nil, err
		}
	}
	if !slices.ContainsFunc([]string{"userId", "anonymousId", "email", "phone"}, mapping.has) && !mapping.namesExternal() {
		return nil, lifecycle.Errorf(lifecycle.Invalid, "--map: nothing says who the customers are; add userId=COLUMN, anonymousId=COLUMN, email=COLUMN, phone=COLUMN or externalId.SYSTEM=COLUMN")
	}
	for _, rule := range mapping.rules {
		if journey, ok := strings.CutPrefix(rule.target, "since."); ok && !mapping.has("stage."+journey) {
			return nil, lifecycle.Errorf(lifecycle.Invalid, "--map: %s is of no use without stage.%s", rule.target, journey)
		}
	}
	return mapping, nil
}

func parseCustomerRule(text string) (rule, error) {
	next, err := splitRule(text)
	if err != nil {
		return next, err
	}
	head, rest, deeper := strings.Cut(next.target, ".")
	path := strings.Split(next.target, ".")
	switch most, open := below[head]; {
	case head == externalHead:
		return next, checkExternal(text, rest)
	case head == "traits" && deeper:
		if slices.Contains(path, "") || len(path) > 8 {
			return next, lifecycle.Errorf(lifecycle.Invalid, "--map %q: write traits.NAME, with at most 7 names", text)
		}
		next.path = path
	case open && deeper && (head == "stage" || head == "since") && rest != "":
	case open && deeper:
		names := strings.SplitN(rest, ".", most)
		if slices.Contains(names, "") || head != "consent" && head != "unsubscribed" && strings.Contains(rest, ".") {
			return next, lifecycle.Errorf(lifecycle.Invalid, "--map %q: a channel is named after the dot, as in %s.email", text, head)
		}
	case slices.Contains(customerTargets, next.target):
	default:
		known := append(slices.Clone(customerTargets), "externalId.SYSTEM", "traits.NAME", "stage.JOURNEY", "since.JOURNEY")
		return next, lifecycle.Errorf(lifecycle.Invalid, "--map %q: %q is no target of customers%s; there are %s",
			text, next.target, didYouMean(next.target, customerTargets), strings.Join(known, ", "))
	}
	return next, nil
}

// Customer makes the customer of a row. The error is a *lifecycle.Error that names the target in Field.
func (m *Mapping) customer(row Row) (customer, error) {
	var c customer
	var traits *branch
	var whole map[string]json.RawMessage // of the traits
	var said time.Time                   // of the words without a date
	since := map[string]time.Time{}
	for _, rule := range m.rules {
		value, ok := rule.value(row)
		if !ok {
			continue
		}
		if rule.path != nil {
			if traits == nil {
				traits = &branch{}
			}
			traits.put(rule.path[1:], typed(value, rule.constant != nil))
			continue
		}
		var err error
		switch head, rest, _ := strings.Cut(rule.target, "."); head {
		case "userId":
			c.UserID, err = textOf(rule.target, value)
		case "anonymousId":
			c.AnonymousID, err = textOf(rule.target, value)
		case "email":
			c.Email, err = trimmed(rule.target, value)
		case "phone":
			c.Phone, err = trimmed(rule.target, value)
		case "timestamp":
			c.Timestamp, err = moment(rule.target, value)
		case "created":
			c.Created, err = moment(rule.target, value)
		case "consentAt":
			said, err = moment(rule.target, value)
		case "tags":
			c.Tags, err = tagsOf(value)
		case wholeTraits:
			whole, err = objectOf(rule.target, value)
		case externalHead:
			var identity lifecycle.Identity
			identity, err = externalOf(rule, value)
			c.Identities = append(c.Identities, identity)
		case "stage":
			var stage string
			if stage, err = trimmed(rule.target, value); stage != "" {
				if as, renamed := m.stages[stage]; renamed {
					stage = as
				}
				if stage != "" {
					c.Stages = append(c.Stages, place{Journey: rest, Stage: stage})
				}
			}
		case "since":
			since[rest], err = moment(rule.target, value)
		default:
			err = c.word(head, rest, value)
		}
		if err != nil {
			return c, err
		}
	}
	for i := range c.Stages {
		c.Stages[i].Since = since[c.Stages[i].Journey]
	}
	for i := range c.Consents {
		if c.Consents[i].At.IsZero() {
			c.Consents[i].At = said
		}
	}
	c.Consents = stricter(c.Consents)
	for i := range c.Suppressions {
		if c.Suppressions[i].At.IsZero() {
			c.Suppressions[i].At = said
		}
	}
	if traits == nil && whole != nil {
		traits = &branch{}
	}
	if traits != nil {
		traits.fill(whole)
		c.Traits = traits.append(nil)
	}
	return c, c.known()
}

// known reports, as an error, that a row does not say who it is about. Names that mean nobody, as NULL or #N/A, are none: with an
// address it is whoever has that. Who is known by the ID of another system only gets the name that a source of that system's name
// would give.
func (c *customer) known() error {
	nobody := ""
	for _, name := range []struct {
		kind lifecycle.IdentityKind
		text *string
	}{{lifecycle.UserID, &c.UserID}, {lifecycle.AnonymousID, &c.AnonymousID}} {
		if (lifecycle.Identity{Kind: name.kind, Value: *name.text}).Meaningless() {
			nobody, *name.text = *name.text, ""
		}
	}
	c.Identities = slices.DeleteFunc(c.Identities, func(i lifecycle.Identity) bool {
		if i.Kind.External() == "" || !i.Meaningless() {
			return false
		}
		nobody = i.Value
		return true
	})
	if c.UserID != "" || c.AnonymousID != "" || c.Email != "" || c.Phone != "" {
		return nil
	}
	for _, identity := range c.Identities {
		if system := identity.Kind.External(); system != "" {
			c.AnonymousID = lifecycle.SourceName(system, identity.Value)
			return nil
		}
	}
	if nobody != "" {
		return invalidField("userId", "the row does not say who it is about: %q names nobody, and there is no email or phone", shorten(nobody))
	}
	return invalidField("userId", "the row does not say who it is about")
}

// readCustomer reads a row of NDJSON that is a customer of the API, or of an export, as it stands. Keys that are none of a
// customer's are left out.
func readCustomer(row Row) (customer, error) {
	var c customer
	fields := map[string]any{"userId": &c.UserID, "anonymousId": &c.AnonymousID, "email": &c.Email, "phone": &c.Phone, "timestamp": &c.Timestamp,
		"created": &c.Created, "tags": &c.Tags, "traits": &c.Traits, "consents": &c.Consents, "suppressions": &c.Suppressions,
		"identities": &c.Identities, "points": &c.Points, "acquired": &c.Acquired, "test": &c.test}
	if row.object == nil { // CSV
		var err error
		if row, err = exportOfCustomers.read(row); err != nil {
			return c, err
		}
	}
	for name, into := range fields {
		if raw, ok := row.object[name]; ok {
			if err := json.Unmarshal(raw, into); err != nil {
				return c, invalidField(name, "%s has not the form that the API gives it: %s", name, err)
			}
		}
	}
	if raw, ok := row.object["stages"]; ok {
		var by map[string]string // of an export
		if json.Unmarshal(raw, &by) != nil {
			if err := json.Unmarshal(raw, &c.Stages); err != nil {
				return c, invalidField("stages", "stages is a list of {journey, stage, since}")
			}
		}
		entered := map[string]time.Time{}
		_ = json.Unmarshal(row.object["entered"], &entered)
		for journey, stage := range by {
			c.Stages = append(c.Stages, place{journey, stage, entered[journey]})
		}
		slices.SortFunc(c.Stages, func(a, b place) int { return strings.Compare(a.Journey, b.Journey) })
	}
	return c, c.known()
}

// refusing are the names, as lifecycle.PlainWord writes them, of columns that say who wants no mail.
var refusing = map[string]string{
	"unsubscribed": "unsubscribed", "unsubscribe": "unsubscribed", "opted out": "unsubscribed", "opt out": "unsubscribed", "optedout": "unsubscribed",
	"optout": "unsubscribed", "do not contact": "unsubscribed", "donotcontact": "unsubscribed", "dnc": "unsubscribed", "unsubscribed at": "unsubscribed",
	"email opt out": "unsubscribed.email", "email optout": "unsubscribed.email", "email opted out": "unsubscribed.email", "email unsubscribed": "unsubscribed.email",
	"do not email": "unsubscribed.email", "donotemail": "unsubscribed.email", "unsub time": "unsubscribed.email", // Mautic, Mailchimp
	"hasoptedoutofemail": "unsubscribed.email", "hs email optout": "unsubscribed.email", "unsubscribed from all email": "unsubscribed.email", // Salesforce, HubSpot
	"email unsubscribed at": "unsubscribed.email", "email subscribe": "status.email", // Braze; the second says how they stand
}

// GuessCustomerRules proposes rules for a list whose columns have the names that such lists usually have, and says which
// columns it knew. What is not known becomes a trait.
func GuessCustomerRules(columns []string) (rules []string, guesses map[string]string) {
	guesses = map[string]string{}
	for target, names := range map[string][]string{
		"userId": {"userid", "user_id", "customer_id", "customerid", "id"}, "anonymousId": {"anonymousid", "anonymous_id"},
		"email": {"email", "email_address", "email address", "e-mail", "mail"}, "phone": {"phone", "mobile", "phone_number", "phone number"},
		"created": {"created", "created_at", "date_added"}, "tags": {"tags"},
	} {
		for _, name := range names {
			at := slices.IndexFunc(columns, func(column string) bool { return strings.EqualFold(column, name) })
			if at >= 0 {
				guesses[columns[at]] = target
				break
			}
		}
	}
	for _, column := range columns {
		if target, says := refusing[lifecycle.PlainWord(column)]; says && guesses[column] == "" {
			guesses[column] = target
		}
	}
	for _, column := range columns {
		if target, known := guesses[column]; known {
			rules = append(rules, target+"="+column)
		} else if slices.Contains(rejectColumns, column) {
			continue
		} else if !unguessable(column) {
			rules = append(rules, traitOf(column)+"="+column)
		}
	}
	return rules, guesses
}

// traitOf is the target of a column whose name says nothing else.
func traitOf(column string) string {
	return "traits." + strings.ReplaceAll(strings.ReplaceAll(strings.ToLower(column), " ", "_"), ".", "_")
}

// unguessable reports whether a column cannot be guessed by its name: it has none, or one that no rule can say.
func unguessable(column string) bool { return column == "" || strings.Contains(column, "=") }

// checkGuesses reports, as an error, columns of a list that would be taken for the same thing, and returns those that are left
// out, in words.
func checkGuesses(columns []string, guesses map[string]string) (left []string, err error) {
	targets := map[string]int{} // the first column of each
	for i, column := range columns {
		if slices.Contains(rejectColumns, column) {
			continue
		}
		if unguessable(column) {
			left = append(left, strings.TrimSuffix(fmt.Sprintf("column %d %q", i+1, column), ` ""`))
			continue
		}
		target, known := guesses[column]
		if !known {
			target = traitOf(column)
		}
		first, twice := targets[target]
		if !twice {
			targets[target] = i
			continue
		}
		if columns[first] == column || !(rule{target: target}).refuses() {
			return nil, lifecycle.Errorf(lifecycle.Invalid, "columns %d and %d, %q and %q, would both be taken for %s; give one of them another name in the first line, or say with --map what the columns mean",
				first+1, i+1, columns[first], column, target)
		}
	}
	return left, nil
}
