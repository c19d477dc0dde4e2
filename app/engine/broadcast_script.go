package engine

import (
	"fmt"
	"strings"

	"stagecraft/app/script"
)

// broadcastStage is the one stage of a broadcast's journey.
const broadcastStage = "send"

// source writes the journey of a broadcast, as a person would. from returns the files of a journey whose messages are used.
func (b *Broadcast) source(from func(journey string) (script.Source, error)) (script.Source, error) {
	source := script.Source{Name: b.Journey(), Files: map[string][]byte{}}
	var plan strings.Builder
	fmt.Fprintf(&plan, "-- The journey of broadcast %s: %s.\n-- Nobody enters it by an event; customers are let in one after the other.\n\n", b.Name, comment(b.Audience.Text()))
	fmt.Fprintf(&plan, "journey {\n  title  = %s,\n  stages = { %s },\n  moves  = {},\n}\n", luaText(b.Title), luaText(broadcastStage))
	source.Files["journey.lua"] = []byte(plan.String())
	source.Files[broadcastStage+".lua"] = []byte(b.stage())
	for i := range b.Parts {
		if err := b.Parts[i].addTo(source, from, fmt.Sprintf("parts.%d", i)); err != nil {
			return source, err
		}
	}
	return source, nil
}

// stage is the script itself.
func (b *Broadcast) stage() string {
	var s strings.Builder
	fmt.Fprintf(&s, "stage {\n  title = %s,\n", luaText(b.Title))
	if b.Holdout > 0 {
		fmt.Fprintf(&s, "  holdout = %s, -- these get nothing, for comparison\n", luaText(fmt.Sprintf("%g%%", b.Holdout*100)))
	}
	s.WriteString("}\n\nenter(function(customer)\n")
	if clock := b.clock(); clock != "" {
		fmt.Fprintf(&s, "  wait_until %s -- by the customer's clock\n", luaText(clock))
	}
	if len(b.Parts) == 1 {
		fmt.Fprintf(&s, "  %s\nend)\n", b.Parts[0].send())
		return s.String()
	}
	var names, shares []string
	for i := range b.Parts {
		names, shares = append(names, luaText(b.Parts[i].Name)), append(shares, fmt.Sprintf("%g", b.Parts[i].Share))
	}
	fmt.Fprintf(&s, "  local part = split(%s, %s, { weights = { %s } })\n", luaText(b.Name), strings.Join(names, ", "), strings.Join(shares, ", "))
	for i := range b.Parts {
		word := "if"
		if i > 0 {
			word = "elseif"
		}
		fmt.Fprintf(&s, "  %s part == %s then\n    %s\n", word, names[i], b.Parts[i].send())
	}
	s.WriteString("  end\nend)\n")
	return s.String()
}

func (p *BroadcastPart) send() string {
	if p.Subject == "" {
		return "send " + luaText(p.Name)
	}
	return fmt.Sprintf("send(%s, { subject = %s })", luaText(p.Name), luaText(p.Subject))
}

// addTo puts the part's message files into the source, and the layouts and partials of the journey they come from.
func (p *BroadcastPart) addTo(source script.Source, from func(string) (script.Source, error), field string) error {
	for channel, text := range p.Texts {
		source.Files["messages/"+p.Name+"."+channel+".liquid"] = []byte(text)
	}
	if p.From == "" {
		return nil
	}
	journey, name, ok := strings.Cut(p.From, "/")
	if !ok || name == "" {
		return inField(field+".from", `%.80q does not name a message: write it like "customer-lifecycle/welcome"`, p.From)
	}
	other, err := from(journey)
	if err != nil {
		return inField(field+".from", "there is no journey %.80q", journey)
	}
	found := false
	for file, text := range other.Files {
		rest, inMessages := strings.CutPrefix(file, "messages/")
		shared := strings.HasSuffix(file, ".liquid") && (strings.Contains(rest, "/") || !inMessages)
		if channel, is := strings.CutPrefix(rest, name+"."); inMessages && is && !shared {
			source.Files["messages/"+p.Name+"."+channel], found = text, true
		} else if shared {
			if had, taken := source.Files[file]; taken && string(had) != string(text) {
				return inField(field+".from", "%s is another file in the journey of an earlier message; take messages of one journey", file)
			}
			source.Files[file] = text
		}
	}
	if !found {
		return inField(field+".from", "journey %s has no message %.80q", journey, name)
	}
	return nil
}

// luaText writes a text in Lua.
func luaText(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "\x00", "").Replace(text) + `"`
}

// comment keeps a text on its line.
func comment(text string) string { return strings.Join(strings.Fields(text), " ") }
