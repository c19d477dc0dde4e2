package lifecycle

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// What can be wrong with an answer.
const (
	AnswerMissing = "missing"
	AnswerTooLong = "long"
	AnswerEmail   = "email"
	AnswerPhone   = "phone"
	AnswerNumber  = "number"
	AnswerDate    = "date"
	AnswerChoice  = "choice"
	AnswerText    = "text"
)

// FormAnswers is what somebody has answered.
type FormAnswers struct {
	Traits   map[string]json.RawMessage // without those that were left empty
	Consents []FormConsent              // the boxes that were ticked
	Problems map[string]string          // what is wrong, by the name of a field or a box
}

// Answers reads what was sent. given returns the values that came under a name; what the form does not ask for is not
// looked at.
func (f *Form) Answers(given func(name string) []string) FormAnswers {
	a := FormAnswers{Traits: map[string]json.RawMessage{}, Problems: map[string]string{}}
	for i := range f.Fields {
		field := &f.Fields[i]
		value, problem := field.read(given(field.Name))
		switch {
		case problem != "":
			a.Problems[field.Name] = problem
		case value == nil && field.Required:
			a.Problems[field.Name] = AnswerMissing
		case value != nil:
			data, err := json.Marshal(value)
			if err != nil {
				a.Problems[field.Name] = AnswerText
				continue
			}
			a.Traits[field.Name] = data
		}
	}
	for _, box := range f.Consents {
		switch ticked := ticked(given(box.Name)); {
		case ticked:
			a.Consents = append(a.Consents, box)
		case box.Required:
			a.Problems[box.Name] = AnswerMissing
		}
	}
	return a
}

func ticked(values []string) bool {
	return len(values) > 0 && !slices.Contains([]string{"", "0", "false", "off", "no"}, strings.ToLower(strings.TrimSpace(values[0])))
}

// read turns what was sent into the answer; nil: it was left empty.
func (f *FormField) read(values []string) (value any, problem string) {
	limit := maxFormLine
	if f.Kind == FieldLong {
		limit = maxFormLong
	}
	var said []string
	for _, text := range values {
		if len(text) > limit {
			return nil, AnswerTooLong
		}
		if text = strings.TrimSpace(strings.ReplaceAll(text, "\r\n", "\n")); text != "" {
			said = append(said, text)
		}
		if !utf8.ValidString(text) || strings.ContainsFunc(text, func(c rune) bool { return c < ' ' && (f.Kind != FieldLong || c != '\n' && c != '\t') }) {
			return nil, AnswerText
		}
	}
	if f.Kind == FieldYes {
		if !ticked(values) {
			return nil, ""
		}
		return true, ""
	}
	if len(said) == 0 {
		return nil, ""
	}
	text := said[0]
	switch f.Kind {
	case FieldEmail:
		return readAddress("email", text, AnswerEmail)
	case FieldPhone:
		return readAddress("sms", text, AnswerPhone)
	case FieldNumber:
		number, err := strconv.ParseFloat(strings.Replace(text, ",", ".", 1), 64)
		if err != nil || math.IsInf(number, 0) || math.IsNaN(number) {
			return nil, AnswerNumber
		}
		return number, ""
	case FieldDate:
		if _, err := time.Parse(time.DateOnly, text); err != nil {
			return nil, AnswerDate
		}
	case FieldChoice:
		if !f.offers(text) {
			return nil, AnswerChoice
		}
	case FieldChoices:
		if len(said) > len(f.Options) || slices.ContainsFunc(said, func(one string) bool { return !f.offers(one) }) {
			return nil, AnswerChoice
		}
		return said, ""
	}
	return text, ""
}

func (f *FormField) offers(value string) bool {
	return slices.ContainsFunc(f.Options, func(option FormOption) bool { return option.Value == value })
}

// readAddress reads an address as its channel will.
func readAddress(channel, text, otherwise string) (any, string) {
	trait := "email"
	if channel == "sms" {
		trait = "phone"
	}
	data, _ := json.Marshal(text) // a text
	address, problem := (&Customer{Traits: map[string]json.RawMessage{trait: data}}).Address(channel)
	if problem != "" || channel == "email" && !strings.Contains(address[strings.LastIndexByte(address, '@')+1:], ".") {
		return nil, otherwise
	}
	return address, ""
}
