package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"stagecraft/app/lifecycle"
)

// wirePerson is how requests of other programs name a customer and say what is known of them.
type wirePerson struct {
	UserID      string          `json:"userId,omitempty"`
	AnonymousID string          `json:"anonymousId,omitempty"`
	Email       string          `json:"email,omitempty"` // kept as a trait; alone it says who it is, see lifecycle.AddressName
	Phone       string          `json:"phone,omitempty"` // likewise
	Traits      json.RawMessage `json:"traits,omitempty"`
}

// event returns an event with the customer's identity and traits, and nothing else.
func (p *wirePerson) event() (lifecycle.Event, error) {
	event := lifecycle.Event{UserID: p.UserID, AnonymousID: p.AnonymousID, Traits: object(p.Traits)}
	for _, text := range []struct{ field, value string }{{"userId", p.UserID}, {"anonymousId", p.AnonymousID}} {
		if len(text.value) > lifecycle.MaxNameBytes || strings.ContainsFunc(text.value, unreadable) {
			return event, fieldError(text.field, "%s must have at most %d bytes of readable text", text.field, lifecycle.MaxNameBytes)
		}
	}
	traits := map[string]json.RawMessage{}
	if len(event.Traits) > 0 && json.Unmarshal(event.Traits, &traits) != nil {
		return event, fieldError("traits", "traits must be a JSON object")
	}
	var known lifecycle.Customer
	for _, address := range []struct{ trait, channel, value, want string }{
		{"email", "email", p.Email, "a mail address, as in ada@example.com"},
		{"phone", "sms", p.Phone, "a number in the international form, as in +84 901 234 567"},
	} {
		if address.value == "" {
			continue
		}
		raw, _ := json.Marshal(address.value)
		known.SetTrait(address.trait, raw)
		to, problem := known.Address(address.channel)
		if problem != "" {
			return event, fieldError(address.trait, "%s %.80q is not %s", address.trait, address.value, address.want)
		}
		traits[address.trait] = raw
		if event.UserID == "" && event.AnonymousID == "" {
			identity, _ := lifecycle.AddressIdentity(address.channel, to)
			event.AnonymousID, _ = lifecycle.AddressName(identity)
		}
	}
	if event.UserID == "" && event.AnonymousID == "" {
		return event, fieldError("userId", "say for whom: userId, anonymousId, email or phone")
	}
	if len(traits) > 0 {
		event.Traits, _ = json.Marshal(traits) // it was read from JSON
	}
	return event, nil
}

func fieldError(field, format string, args ...any) *lifecycle.Error {
	return &lifecycle.Error{Code: lifecycle.Invalid, Field: field, Message: fmt.Sprintf(format, args...)}
}

// decodeStrict decodes a JSON object all of whose fields must be known: a field that is misspelt is not left out in
// silence.
func decodeStrict(data []byte, target any) error {
	err := decodeSpelt(data, target, spellingOf(reflect.TypeOf(target)))
	if err == nil && string(bytes.TrimSpace(data)) == "null" { // the decoder takes it for an object that says nothing
		return lifecycle.Errorf(lifecycle.Invalid, "the body must be a JSON object, not null")
	}
	return err
}

// takesNothing refuses a body that asks for something, of a call that has nothing to ask for.
func takesNothing(c *fiber.Ctx) error {
	if len(bytes.TrimSpace(c.Request().Body())) == 0 {
		return nil
	}
	return decodeStrictBody(c, maxSingle, &struct{}{})
}

// decodeSpelt is decodeStrict for who reads many of a kind.
func decodeSpelt(data []byte, target any, written *spelling) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(target)
	if err == nil {
		if _, end := decoder.Token(); !errors.Is(end, io.EOF) {
			return lifecycle.Errorf(lifecycle.Invalid, "the body is not valid JSON: something stands behind the object")
		}
		return written.check(data)
	}
	if quoted, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		if name, err := strconv.Unquote(quoted); err == nil {
			return fieldError(name, "there is no field %q here", name)
		}
	}
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		if wrong.Field == "" {
			return lifecycle.Errorf(lifecycle.Invalid, "the body must be a JSON object, not %s", a(wrong.Value))
		}
		for _, embedded := range []string{"wirePerson.", "wantedText.", "Target."} { // nobody else knows of these
			wrong.Field = strings.TrimPrefix(wrong.Field, embedded)
		}
	}
	return decodeFailure(err, data, written)
}
