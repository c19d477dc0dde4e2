package cli

import (
	"encoding/json"
	"strings"

	"stagecraft/app/lifecycle"
)

// externalHead begins the targets of IDs that other systems gave: externalId.crm.
const externalHead = "externalId"

// externalSystem returns the name of the system in a target, and whether the target is one of those.
func externalSystem(target string) (system string, ok bool) {
	head, system, _ := strings.Cut(target, ".")
	return system, head == externalHead
}

// checkExternal checks such a target of a rule.
func checkExternal(text, system string) error {
	if _, ok := lifecycle.ParseIdentity(lifecycle.ExternalIdentity(system), "1"); !ok || strings.Contains(system, ".") {
		return lifecycle.Errorf(lifecycle.Invalid, "--map %q: the system whose ID it is is named after the dot, as in externalId.crm", text)
	}
	return nil
}

// namesExternal reports whether a rule names an ID of another system.
func (m *Mapping) namesExternal() bool {
	for i := range m.rules {
		if _, is := externalSystem(m.rules[i].target); is {
			return true
		}
	}
	return false
}

// externalOf reads an ID of another system.
func externalOf(rule rule, value Value) (lifecycle.Identity, error) {
	system, _ := externalSystem(rule.target)
	text, err := trimmed(rule.target, value)
	if err != nil {
		return lifecycle.Identity{}, err
	}
	identity, ok := lifecycle.ParseIdentity(lifecycle.ExternalIdentity(system), text)
	if !ok {
		return identity, invalidField(rule.target, "%s %q is no ID", rule.target, shorten(text))
	}
	return identity, nil
}

// named gives an event that has no name of its own the one that a source of that system's name would give.
func named(event *lifecycle.Event, externals []lifecycle.Identity) {
	if event.UserID == "" && event.AnonymousID == "" && len(externals) > 0 {
		event.AnonymousID = lifecycle.SourceName(externals[0].Kind.External(), externals[0].Value)
	}
}

// withExternals puts IDs of other systems into an event's context as the Segment API writes them, before those that are there.
func withExternals(context json.RawMessage, externals []lifecycle.Identity) (json.RawMessage, error) {
	object := map[string]json.RawMessage{}
	if len(context) > 0 {
		if err := json.Unmarshal(context, &object); err != nil {
			return nil, invalidField("context", "context must be a JSON object")
		}
	}
	var list []json.RawMessage
	for _, identity := range externals {
		one, err := json.Marshal(map[string]string{"id": identity.Value, "type": identity.Kind.External(), "collection": "users", "encoding": "none"})
		if err != nil {
			return nil, lifecycle.Wrap(lifecycle.Internal, err, "an ID cannot be written as JSON")
		}
		list = append(list, one)
	}
	var before []json.RawMessage
	if raw := object["externalIds"]; len(raw) > 0 && json.Unmarshal(raw, &before) != nil {
		return nil, invalidField("context.externalIds", "context.externalIds must be a list")
	}
	var err error
	if object["externalIds"], err = json.Marshal(append(list, before...)); err == nil {
		context, err = json.Marshal(object)
	}
	if err != nil {
		return nil, lifecycle.Wrap(lifecycle.Internal, err, "the context cannot be written as JSON")
	}
	return context, nil
}
