package script

import (
	"maps"
	"slices"
	"strings"

	"stagecraft/app/lifecycle"
)

// maxFormText is how long a text of a form may be, in bytes.
const maxFormText = 4000

// usualKinds are those of fields whose name says what they hold.
var usualKinds = map[string]lifecycle.FieldKind{"email": lifecycle.FieldEmail, "phone": lifecycle.FieldPhone, "birthday": lifecycle.FieldDate}

func (b *formBuilder) field(i int, said map[string]any) {
	b.known("a field", said, "name", "label", "help", "type", "required", "options")
	f := lifecycle.FormField{Name: b.text(said, "name", ""), Label: b.texts(said, "label"), Help: b.texts(said, "help"), Required: b.flag(said, "required")}
	if !b.fieldName(f.Name, "field", i) {
		return
	}
	usual := usualKinds[f.Name]
	if usual == "" {
		usual = lifecycle.FieldText
	}
	f.Kind = lifecycle.FieldKind(b.text(said, "type", string(usual)))
	if kinds := lifecycle.FieldKinds(); !slices.Contains(kinds, string(f.Kind)) {
		b.report(didYouMean(string(f.Kind), kinds, "there are: "+strings.Join(kinds, ", ")), "field %s cannot be of type %q", f.Name, cut(string(f.Kind), 80))
	}
	if f.Name == "email" && f.Kind != lifecycle.FieldEmail {
		b.report(`leave its type out`, "the field email holds a mail address")
	}
	if f.Label == nil && f.Kind != lifecycle.FieldHidden {
		b.report(`as in label = "Your name"`, "field %s has no label", f.Name)
	}
	for _, one := range b.plain(said, "options", lifecycle.MaxFormOptions) {
		if option, ok := b.option(one); ok {
			f.Options = append(f.Options, option)
		}
	}
	if chosen := f.Kind == lifecycle.FieldChoice || f.Kind == lifecycle.FieldChoices; chosen != (len(f.Options) > 0) {
		b.report(`as in type = "choice", options = { "tea", "coffee" }`, "field %s: options belong to a choice, and a choice needs them", f.Name)
	}
	if f.Kind == lifecycle.FieldHidden && f.Required {
		b.report("", "field %s is hidden: nobody could fill it in", f.Name)
	}
	b.form.Fields = append(b.form.Fields, f)
}

// option reads "tea" or { value = "tea", label = "Tea" }.
func (b *formBuilder) option(said any) (option lifecycle.FormOption, ok bool) {
	switch v := said.(type) {
	case string:
		option = lifecycle.FormOption{Value: v, Label: lifecycle.Texts{"": v}}
	case map[string]any:
		b.known("an option", v, "value", "label")
		option = lifecycle.FormOption{Value: b.text(v, "value", ""), Label: b.texts(v, "label")}
		if option.Label == nil {
			option.Label = lifecycle.Texts{"": option.Value}
		}
	}
	if option.Value == "" || len(option.Value) > lifecycle.MaxNameBytes {
		b.report(`as in options = { "tea", { value = "coffee", label = "Good coffee" } }`, "an option has no value")
		return option, false
	}
	return option, true
}

func (b *formBuilder) consent(i int, said map[string]any) {
	b.known("a consent", said, "name", "label", "channel", "topic", "required")
	c := lifecycle.FormConsent{Name: b.text(said, "name", ""), Label: b.texts(said, "label"), Channel: b.text(said, "channel", "email"),
		Topic: b.text(said, "topic", ""), Required: b.flag(said, "required")}
	if !b.fieldName(c.Name, "consent", i) {
		return
	}
	if c.Label == nil {
		b.report(`as in label = "Send me the newsletter"`, "consent %s does not say what is agreed to", c.Name)
	}
	if c.Channel == "all" {
		c.Channel = ""
	} else if problem, _ := channelProblem(c.Channel); c.Channel == "webhook" || problem != "" {
		b.report(didYouMean(c.Channel, formChannels, "there are: "+strings.Join(formChannels, ", ")), "consent %s is for channel %q, which there is not", c.Name, cut(c.Channel, 80))
	}
	if c.Topic != "" && !validName(c.Topic) {
		b.report(nameRule, "%q cannot name a topic", cut(c.Topic, 80))
	}
	b.form.Consents = append(b.form.Consents, c)
}

var formChannels = []string{"email", "sms", "push", "social", "inapp", "call", "letter", "all"}

// fieldName says whether something can have the name: it becomes a trait, and stands in addresses.
func (b *formBuilder) fieldName(name, what string, i int) bool {
	ok := name != "" && len(name) <= 64 && isAlpha(name[0])
	for _, c := range []byte(name) {
		ok = ok && (isAlpha(c) || isDigit(c) || c == '_' || c == '-')
	}
	if ok && slices.Contains([]string{"lang", "ref", "id", "stage", "tags", "traits", "score", "unsubscribed"}, name) {
		b.report("take another name", "%s %d cannot be called %q, which means something else", what, i+1, name)
		return false
	}
	if !ok {
		b.report(`as in name = "first_name"`, "%s %d needs a name of letters, digits, - and _: %q", what, i+1, cut(name, 80))
	}
	return ok
}

func (b *formBuilder) known(what string, said map[string]any, names ...string) {
	for _, name := range slices.Sorted(maps.Keys(said)) {
		if !slices.Contains(names, name) {
			b.report(didYouMean(name, names, "there are: "+strings.Join(names, ", ")), "%s has no %q", what, cut(name, 80))
		}
	}
}

func (b *formBuilder) text(said map[string]any, name, otherwise string) string {
	switch v := said[name].(type) {
	case nil:
		return otherwise
	case string:
		if len(v) <= maxFormText {
			return v
		}
	}
	b.report("", "%s must be a text of at most %d bytes", name, maxFormText)
	return otherwise
}

func (b *formBuilder) flag(said map[string]any, name string) bool {
	v, ok := said[name].(bool)
	if !ok && said[name] != nil {
		b.report("", "%s must be true or false", name)
	}
	return v
}

// texts reads "Hello" or { en = "Hello", vi = "Xin chào" }, of which the English one is for all other languages.
func (b *formBuilder) texts(said map[string]any, name string) lifecycle.Texts {
	switch v := said[name].(type) {
	case nil:
		return nil
	case string:
		return lifecycle.Texts{"": b.text(said, name, "")}
	case map[string]any:
		texts := lifecycle.Texts{}
		for _, language := range slices.Sorted(maps.Keys(v)) {
			if language != "en" && language != "vi" {
				b.report("pages are in en and vi", "%s is in language %q", name, cut(language, 80))
			}
			texts[language] = b.text(v, language, "")
		}
		if texts[""] = texts["en"]; texts[""] == "" {
			b.report(`as in { en = "Hello", vi = "Xin chào" }`, "%s has no English text, which is for everybody else", name)
		}
		return texts
	}
	b.report(`as in "Hello" or { en = "Hello", vi = "Xin chào" }`, "%s must be a text, or one per language", name)
	return nil
}

func (b *formBuilder) plain(said map[string]any, name string, limit int) []any {
	if said[name] == nil {
		return nil
	}
	list, ok := said[name].([]any)
	if empty, is := said[name].(map[string]any); is && len(empty) == 0 {
		return nil
	}
	if !ok || len(list) > limit {
		b.report("", "%s must be a list of at most %d entries", name, limit)
		return nil
	}
	return list
}

// list returns the tables of a list.
func (b *formBuilder) list(said map[string]any, name string, limit int) []map[string]any {
	var tables []map[string]any
	for i, one := range b.plain(said, name, limit) {
		table, ok := one.(map[string]any)
		if !ok {
			b.report(`as in { name = "email", label = "Email" }`, "entry %d of %s is no table", i+1, name)
			continue
		}
		tables = append(tables, table)
	}
	return tables
}
