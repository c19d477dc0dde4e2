package lifecycle

import "time"

// Form is a page on which somebody says who they are and what they agree to. It is written as scripts/forms/NAME.lua.
type Form struct {
	Name     string
	Version  string // names the content of its file
	File     string // relative to the scripts folder
	Title    Texts
	Intro    Texts // below the title
	Button   Texts
	Thanks   Texts // what is said when it is done
	Check    Texts // what is said while a double opt-in waits for the click
	Fields   []FormField
	Consents []FormConsent
	Double   bool          // nothing of it takes effect before the mail address is confirmed
	Mail     string        // of a double opt-in: the message in forms/messages that asks
	Reward   string        // a file of the data folder's downloads, or an https address; empty: none
	Keeps    time.Duration // how long the link to the reward is good for
	After    string        // where the visitor is sent at the end; empty: a page says thanks
	Origins  []string      // of pages that may send it without having asked for it first, such as https://shop.example
	Behind   bool          // its file or its mail has a mistake now: this is the last version that had none
}

// Bounds of forms.
const (
	MaxFormFields   = 40
	MaxFormConsents = 20
	MaxFormOptions  = 200
	maxFormLine     = 500  // bytes of an answer of one line
	maxFormLong     = 4000 // bytes of one of several lines
)

// Texts is what is said, by language; "" is for all languages that are not there.
type Texts map[string]string

// In returns the text in a language, such as "vi".
func (t Texts) In(language string) string {
	if text, ok := t[language]; ok {
		return text
	}
	return t[""]
}

// FieldKind is what may be answered.
type FieldKind string

// The kinds of fields.
const (
	FieldText    FieldKind = "text"    // one line
	FieldLong    FieldKind = "long"    // several lines
	FieldEmail   FieldKind = "email"   // a mail address
	FieldPhone   FieldKind = "phone"   // a number in the international form
	FieldNumber  FieldKind = "number"  // becomes a number
	FieldDate    FieldKind = "date"    // 2026-06-01
	FieldChoice  FieldKind = "choice"  // one of the options
	FieldChoices FieldKind = "choices" // any of the options; becomes a list
	FieldYes     FieldKind = "yes"     // a box; becomes true or false
	FieldHidden  FieldKind = "hidden"  // the page has it from its address: ?plan=pro
)

// FieldKinds are all of them.
func FieldKinds() []string {
	return []string{string(FieldText), string(FieldLong), string(FieldEmail), string(FieldPhone), string(FieldNumber), string(FieldDate),
		string(FieldChoice), string(FieldChoices), string(FieldYes), string(FieldHidden)}
}

// FormField is one question. Its answer becomes the trait of its name.
type FormField struct {
	Name     string
	Label    Texts
	Help     Texts
	Kind     FieldKind
	Required bool
	Options  []FormOption
}

// FormOption is one answer to choose.
type FormOption struct {
	Value string
	Label Texts
}

// FormConsent is a box that is empty until somebody ticks it. Ticking it is a word of consent; leaving it empty says
// nothing.
type FormConsent struct {
	Name     string
	Label    Texts // what is agreed to, as it is kept for proof
	Channel  string
	Topic    string
	Required bool
}

// Email returns the name of the field that holds the mail address that a double opt-in confirms, or "": the field email,
// which becomes the customer's address, else the first one that has to be filled in, else the first one.
func (f *Form) Email() string {
	name, required := "", false
	for i := range f.Fields {
		switch field := &f.Fields[i]; {
		case field.Kind != FieldEmail:
		case field.Name == "email":
			return field.Name
		case name == "" || field.Required && !required:
			name, required = field.Name, field.Required
		}
	}
	return name
}

// Agreed returns the words of consent of the boxes that were ticked.
func (f *Form) Agreed(ticked []FormConsent, at time.Time) []Consent {
	words := make([]Consent, len(ticked))
	for i, box := range ticked {
		words[i] = Consent{Channel: box.Channel, Topic: box.Topic, Granted: true, At: at, Source: "form " + f.Name}
	}
	return words
}
