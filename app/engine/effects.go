package engine

import (
	"encoding/json"
	"fmt"
	"net/url"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
)

// marketingLife is how long a marketing message may wait to leave, unless the message says otherwise.
const marketingLife = 3 * 24 * time.Hour

// carryOut does one thing that a script wants done. An error of it is an error of the script.
func (s *session) carryOut(j *journey, visit *lifecycle.Visit, r *run, program *script.Program, effect *script.Effect) error {
	fact := lifecycle.Fact{Journey: j.name, From: visit.Stage, Name: effect.Name, File: effect.File, Line: effect.Line, Version: r.Version}
	switch effect.Kind {
	case script.Send:
		return s.send(j, visit, r, program, effect)
	case script.Webhook:
		return s.webhook(j, visit, r, effect)
	case script.Log:
		fact.Kind, fact.Reason = lifecycle.FactLogged, effect.Text
	case script.Split, script.Choose:
		fact.Kind, fact.Reason, fact.To, fact.Amount = lifecycle.FactChose, inWords(effect.Value), effect.Text, effect.Odds
	case script.Set:
		value, err := json.Marshal(effect.Value)
		if err != nil {
			return failure(effect, err.Error(), "a trait must be made of texts, numbers, booleans and tables")
		}
		if size := s.traitBytes(effect.Name) + len(effect.Name) + len(value); effect.Value != nil && size > maxTraitBytes {
			return failure(effect, "keep less of the customer", "the customer would have %d bytes of traits; the limit is %d", size, maxTraitBytes)
		}
		s.assign(effect.Name, value)
		fact.Kind, fact.Reason = lifecycle.FactSet, string(value)
	case script.Tag:
		if !s.customer.HasTag(effect.Name) && (len(s.customer.Tags) >= maxTags || len(effect.Name) > lifecycle.MaxNameBytes) {
			return failure(effect, "take one off, or keep it as a trait", "a customer has at most %d tags of at most %d bytes", maxTags, lifecycle.MaxNameBytes)
		}
		if !s.customer.AddTag(effect.Name) {
			return nil
		}
		fact.Kind = lifecycle.FactTagged
	case script.Untag:
		if !s.customer.RemoveTag(effect.Name) {
			return nil
		}
		fact.Kind = lifecycle.FactUntagged
	case script.Score:
		return s.award(effect, fact)
	case script.Track:
		if err := s.track(r, effect, &fact); err != nil {
			return err
		}
	default:
		return failure(effect, "", "nothing is known of %q", effect.Kind)
	}
	if err := s.spend(effect, len(fact.Reason)); err != nil {
		return err
	}
	s.note(fact)
	return nil
}

// failure is an error of a script at the line of an effect.
func failure(effect *script.Effect, hint, format string, args ...any) *lifecycle.Error {
	return &lifecycle.Error{Code: lifecycle.ScriptFailed, File: effect.File, Line: effect.Line, Message: fmt.Sprintf(format, args...), Hint: hint}
}

// spend bounds what one input writes.
func (s *session) spend(effect *script.Effect, bytes int) error {
	if s.written += bytes + costOfKey; s.written > 2*maxWritten {
		return failure(effect, "wait in between, or do less", "too much is done at once: this %s would be more than one commit holds", effect.Kind)
	}
	return nil
}

// inWords writes a value that was given as people read it.
func inWords(value any) string {
	if text, ok := value.(string); ok {
		return text
	}
	data, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(data)
}

// send turns an effect into a message and gives it to the step.
func (s *session) send(j *journey, visit *lifecycle.Visit, r *run, program *script.Program, effect *script.Effect) error {
	m := s.message(j, visit, r, effect)
	for _, option := range [...]string{"subject", "preheader", "caps"} {
		if text, ok := effect.Args[option].(string); ok {
			if m.Options == nil {
				m.Options = map[string]string{}
			}
			m.Options[option] = text
		}
	}
	template := s.chooseTemplate(m, program, effect)
	if template == nil {
		return failure(effect, "", "message %q has no file for the channel that was asked for", effect.Name)
	}
	m.Channel, m.Kind = template.Channel, kindOf(template)
	if !fallsBack(effect) && len(program.Channels(effect.Name)) > 1 {
		if m.Options == nil {
			m.Options = map[string]string{}
		}
		m.Options[lifecycle.OptionFallback] = "false"
	}
	if life, ok := effect.Args["expires"].(time.Duration); ok {
		m.Expires = m.Decided.Add(life)
	} else if text := template.Front["expires"]; text != "" {
		life, err := lifecycle.ParseDuration(text)
		if err != nil {
			return lifecycle.Wrap(lifecycle.ScriptFailed, err, "%s: expires", template.File)
		}
		m.Expires = m.Decided.Add(life)
	} else if m.Kind == lifecycle.Marketing {
		m.Expires = m.Decided.Add(marketingLifeOf(m.Channel))
	}
	return s.put(j, visit, r, m, effect)
}

// webhook turns an effect into a message for another program.
func (s *session) webhook(j *journey, visit *lifecycle.Visit, r *run, effect *script.Effect) error {
	address, err := url.Parse(effect.Name)
	if err != nil || address.Host == "" {
		return failure(effect, `as in webhook("https://example.com/hook", { … })`, "%q is not the address of a server", effect.Name)
	}
	var payload any = effect.Args
	if effect.Args == nil {
		payload = struct{}{}
	}
	data, err := json.Marshal(payload)
	if err != nil {
		return failure(effect, "", "what the webhook posts cannot be written as JSON: %v", err)
	}
	if len(data) > lifecycle.MaxEventBytes {
		return failure(effect, "post less", "the webhook posts %d bytes; the limit is %d", len(data), lifecycle.MaxEventBytes)
	}
	m := s.message(j, visit, r, effect)
	m.Name, m.Channel, m.Kind = address.Host, "webhook", lifecycle.Transactional
	m.Options = map[string]string{"url": effect.Name, "payload": string(data)}
	return s.put(j, visit, r, m, effect)
}

// message begins a message.
func (s *session) message(j *journey, visit *lifecycle.Visit, r *run, effect *script.Effect) *lifecycle.Message {
	now := s.customer.Real(s.now)
	m := &lifecycle.Message{
		ID: script.MessageID(r.ID, effect.Step), Customer: s.customer.ID, User: s.user(), Journey: j.name, Version: r.Version, Stage: visit.Stage,
		Name: effect.Name, File: effect.File, Line: effect.Line, Decided: now, Due: now, State: lifecycle.Queued, Test: s.customer.Test(),
	}
	if r.Event != nil {
		m.Event = *r.Event
	}
	return m
}

// put decides whether the message may be sent at all, and gives it to the step.
func (s *session) put(j *journey, visit *lifecycle.Visit, r *run, m *lifecycle.Message, effect *script.Effect) error {
	size := len(m.Event.Properties) + len(m.Event.Traits) + len(m.Event.Context) + 2*costOfKey
	for _, text := range m.Options {
		size += len(text)
	}
	if err := s.spend(effect, size); err != nil {
		return err
	}
	switch {
	case s.history:
		m.State, m.Reason = lifecycle.Suppressed, lifecycle.BecauseHistory
	case j.mode == lifecycle.Shadow:
		m.State, m.Reason = lifecycle.Suppressed, lifecycle.BecauseShadow
	case m.Kind == lifecycle.Marketing && s.heldOut(j, j.plan().Stage(m.Stage)):
		m.State, m.Reason = lifecycle.Suppressed, lifecycle.BecauseHoldout
	}
	if m.State == lifecycle.Suppressed {
		m.Settled = m.Decided
	}
	s.step.messages = append(s.step.messages, sending{m, r.ID})
	fact := lifecycle.Fact{Kind: lifecycle.FactMessage, Journey: j.name, From: m.Stage, Name: m.Name, Reason: string(m.State),
		File: m.File, Line: m.Line, Version: m.Version}
	if !m.Test { // else nothing that comes of it is counted, also when they are no test person any more
		fact.Message = m.ID
		visit.Touched = visit.Touched || m.State != lifecycle.Suppressed
	}
	s.note(fact)
	return nil
}

// marketingLifeOf is how long marketing may wait to leave; in an inbox, how long it waits for the customer.
func marketingLifeOf(channel string) time.Duration {
	if channel == "inapp" {
		return lifecycle.InboxLife
	}
	return marketingLife
}
