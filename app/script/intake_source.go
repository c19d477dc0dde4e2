package script

import (
	"net/url"
	"slices"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"

	"stagecraft/app/lifecycle"
)

// Bounds of what is fetched.
const (
	leastPull      = time.Minute
	defaultPull    = time.Hour
	defaultWithin  = 3 * 24 * time.Hour // as long as a marketing message is worth sending
	maxPullHeaders = 20
	maxPullRules   = 100
)

var (
	sourceFields = []field{{name: "title"}, {name: "open"}, {name: "pull"}, {name: "secrets"}}
	pullFields   = []field{{name: "url"}, {name: "every"}, {name: "items"}, {name: "cursor"}, {name: "headers"}, {name: "map"}, {name: "within"}}
)

const (
	sourceForm = `as in source { title = "My shop" }`
	pullForm   = `as in pull = { url = "https://shop.example/orders.csv", every = "1 hour", map = { "userId=customer" } }`
)

// wordSource is source { title = "Shopify", secrets = { "signing" } }.
func (m *intakeMachine) wordSource(L *lua.LState) int {
	m.declaring(L, "source")
	if m.declared {
		m.fail(L, "keep one of them", "source stands here twice")
	}
	m.declared = true
	if m.loading == nil {
		return 0
	}
	if _, ok := L.Get(1).(*lua.LTable); !ok {
		m.fail(L, sourceForm, "source needs a table, not %s", kindOf(L, 1))
	}
	in := m.loading
	for name, value := range m.options(L, 1, "source", sourceForm, sourceFields) {
		switch name {
		case "title":
			in.Title = m.optionText(L, "title of source", sourceForm, value)
		case "open":
			open, ok := value.(lua.LBool)
			if !ok {
				m.fail(L, "as in open = true", "open of source must be true or false")
			}
			in.Open = bool(open)
		case "secrets":
			in.Secrets = m.optionList(L, "secrets of source", `as in secrets = { "signing" }`, value, maxPullHeaders)
			for _, secret := range in.Secrets {
				if !validName(secret) {
					m.fail(L, nameRule, "%q cannot name a secret", cut(secret, 80))
				}
			}
		case "pull":
			in.Pull = m.pullOf(L, value)
		}
	}
	return 0
}

func (m *intakeMachine) pullOf(L *lua.LState, value lua.LValue) *Pull {
	table, ok := value.(*lua.LTable)
	if !ok {
		m.fail(L, pullForm, "pull of source must be a table, not %s", value.Type())
	}
	pull := &Pull{Every: defaultPull, Within: defaultWithin}
	for key, value := range m.each(table) {
		name := m.display(L, key)
		if !hasField(pullFields, name) {
			m.fail(L, m.meant(L, name, fieldNames(pullFields), "pull knows: "), "pull has no option %q", cut(name, 80))
		}
		what := name + " of pull"
		switch name {
		case "url":
			pull.URL = m.optionText(L, what, pullForm, value)
		case "items":
			pull.Items = m.optionText(L, what, pullForm, value)
		case "cursor":
			pull.Cursor = m.optionText(L, what, pullForm, value)
		case "every":
			pull.Every = m.optionDuration(L, what, value)
		case "within":
			pull.Within = m.optionDuration(L, what, value)
		case "map":
			pull.Map = m.optionList(L, what, pullForm, value, maxPullRules)
		case "headers":
			object, ok := m.fromLua(L, value, what).(map[string]any)
			if !ok || len(object) > maxPullHeaders {
				m.fail(L, `as in headers = { Authorization = "Bearer {secret:token}" }`, "headers of pull must be a table of at most %d names and texts", maxPullHeaders)
			}
			pull.Headers = map[string]string{}
			for header, text := range object {
				text, ok := text.(string)
				if !ok || strings.ContainsAny(header+text, "\r\n") {
					m.fail(L, "", "header %q of pull must be a text of one line", cut(header, 80))
				}
				pull.Headers[header] = text
			}
		}
	}
	address, err := url.Parse(strings.NewReplacer("{", "", "}", "").Replace(pull.URL))
	if err != nil || address.Scheme != "http" && address.Scheme != "https" || address.Host == "" || address.User != nil {
		m.fail(L, pullForm, "url of pull is no address that begins with https:// or http://")
	}
	if pull.Every < leastPull {
		m.fail(L, "", "every of pull is at least a minute")
	}
	return pull
}

func (m *intakeMachine) optionText(L *lua.LState, what, form string, value lua.LValue) string {
	text, ok := value.(lua.LString)
	if !ok || strings.TrimSpace(string(text)) == "" || len(text) > maxAddressBytes {
		m.fail(L, form, "%s must be a text of at most %d bytes", what, maxAddressBytes)
	}
	return string(text)
}

func (m *intakeMachine) optionDuration(L *lua.LState, what string, value lua.LValue) time.Duration {
	text, _ := value.(lua.LString)
	d, err := lifecycle.ParseDuration(string(text))
	if err != nil || d <= 0 {
		m.fail(L, `as in "1 hour"`, "%s must be a duration, as in \"1 hour\"", what)
	}
	return d
}

func (m *intakeMachine) optionList(L *lua.LState, what, form string, value lua.LValue, most int) []string {
	list, ok := m.fromLua(L, value, what).([]any)
	if !ok || len(list) > most {
		m.fail(L, form, "%s must be a list of at most %d texts", what, most)
	}
	texts := make([]string, len(list))
	for i, one := range list {
		if texts[i], ok = one.(string); !ok {
			m.fail(L, form, "%s must be a list of texts", what)
		}
	}
	return slices.Clip(texts)
}
