package app_test

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"

	"stagecraft/app/config"
	"stagecraft/app/lifecycle"
)

// reaching is a journey with news and a code for both mail and text messages; the code may be pushed, too.
func reaching() map[string]string {
	files := trial("stage { title = \"A\" }\non(\"News\", function() send \"news\" end)\n" +
		"on(\"Two\", function() send(\"news\", { caps = \"drop\" }) send(\"more\", { caps = \"drop\" }) end)\n" +
		"on(\"More\", function() send(\"more\", { caps = \"drop\" }) end)\n")
	for _, name := range []string{"news", "more"} {
		files["trial/messages/"+name+".email.liquid"] = "---\nsubject: News\n---\nHello\n"
		files["trial/messages/"+name+".sms.liquid"] = "Hello\n"
	}
	for _, channel := range []string{"push", "sms"} {
		files["trial/messages/code."+channel+".liquid"] = "---\nkind: transactional\n---\n4711\n"
	}
	return files
}

type listed struct {
	Ref, Name, Channel, State, Reason string
}

func (s *server) ledger(query string) []listed {
	s.t.Helper()
	var page struct{ Messages []listed }
	if err := json.Unmarshal([]byte(s.must("GET", "/api/messages?"+query, nil)), &page); err != nil {
		s.t.Fatal(err)
	}
	return page.Messages
}

// life returns the steps of a message, in one line.
func (s *server) life(ref string) string {
	s.t.Helper()
	var m struct {
		Life []struct{ Kind, Channel, Reason string }
	}
	if err := json.Unmarshal([]byte(s.must("GET", "/api/messages/"+ref, nil)), &m); err != nil {
		s.t.Fatal(err)
	}
	var steps []string
	for _, step := range m.Life {
		steps = append(steps, strings.Join([]string{step.Kind, step.Channel, step.Reason}, "|"))
	}
	return strings.Join(steps, " ")
}

func (s *server) replaysEqual(user string) {
	s.t.Helper()
	if text := s.must("GET", "/v1/customers/"+url.PathEscape(user)+"/replay", nil); !strings.Contains(text, `"equal":true`) {
		s.t.Errorf("the life of %s is not the same when it is lived again: %s", user, text)
	}
}

func bothWays(user string) map[string]any {
	return map[string]any{"context": map[string]any{"traits": map[string]any{"email": user + "@example.com", "phone": "+84901234567"}}}
}

// Where marketing needs a yes, a message goes by the channel for which there is one, and says why not by the preferred one.
func TestAMessageTakesTheChannelThatIsAllowed(t *testing.T) {
	sent, settings := gateway(t)
	s := startServer(t, withScripts(t, reaching()), func(c *config.Config) {
		c.Policy.Preset = "gdpr"
		c.Policy.SendHours = []string{"*=always"}
	})
	s.must("PUT", "/api/channels/sms", map[string]any{"settings": settings})
	s.setMode("trial", lifecycle.Live)
	s.track("ada", "Seen", bothWays("ada"))
	s.must("POST", "/v1/consent", map[string]any{"userId": "ada", "channel": "sms", "granted": true})
	s.track("ada", "News", nil)
	s.eventually("it goes by sms", func() bool { return len(sent) == 1 })
	all := s.ledger("name=news")
	if len(all) != 1 || all[0].Channel != "sms" {
		t.Fatalf("the ledger has %+v", all)
	}
	const why = "email not allowed: no consent: the customer has not allowed it; goes by sms"
	if life := s.life(all[0].Ref); !strings.HasPrefix(life, "decided|sms|"+why+" ") {
		t.Errorf("its life is %s", life)
	}
	if text := s.must("GET", "/v1/customers/ada/why?message=news", nil); !strings.Contains(text, why) {
		t.Errorf("why does not say it: %s", text)
	}
	s.replaysEqual("ada")

	// Whoever has allowed nothing gets nothing.
	s.track("bob", "News", bothWays("bob"))
	s.eventually("it is kept back", func() bool {
		all := s.ledger("customer=bob")
		return len(all) == 1 && all[0].State == "suppressed" && all[0].Channel == "email" && strings.HasPrefix(all[0].Reason, "no consent")
	})
	if len(s.mails()) > 0 || len(sent) != 1 {
		t.Error("something left that was not allowed")
	}
}

// A cap for which a message does not wait is one of its channel, and another channel may have room: also within one commit.
func TestAFullChannelIsPassedOver(t *testing.T) {
	sent, settings := gateway(t)
	s := startServer(t, withScripts(t, reaching()), func(c *config.Config) {
		c.Policy.Preset = "none"
		c.Policy.Caps = []string{"email=1/day"}
	})
	s.must("PUT", "/api/channels/sms", map[string]any{"settings": settings})
	s.setMode("trial", lifecycle.Live)
	s.track("ada", "News", bothWays("ada"))
	s.eventually("the first one is mailed", func() bool { return len(s.mails()) == 1 })
	s.track("ada", "More", nil)
	s.eventually("the second one is a text message", func() bool { return len(sent) == 1 })
	if all := s.ledger("name=more"); len(all) != 1 || !strings.Contains(s.life(all[0].Ref), "decided|sms|email not allowed: frequency cap: 1 a day by email; goes by sms") {
		t.Errorf("the ledger has %+v: %s", all, s.life(all[0].Ref))
	}
	s.track("bob", "Two", bothWays("bob"))
	s.eventually("both leave", func() bool { return len(s.mails()) == 2 && len(sent) == 2 })
	s.replaysEqual("bob")
	s.replaysEqual("ada")
}

// A channel that nobody serves is passed over where the message has another one; where it has none the message waits.
func TestAChannelWithoutAConnectorIsPassedOver(t *testing.T) {
	sent, settings := gateway(t)
	s := startServer(t, withScripts(t, reaching()), func(c *config.Config) { c.Policy.Preset = "none" })
	s.must("PUT", "/api/channels/sms", map[string]any{"settings": settings})
	s.setMode("trial", lifecycle.Live)
	request := map[string]any{"userId": "ada", "message": "trial/code", "traits": map[string]any{"phone": "+84901234567", "push": "token-of-a-phone"}}
	status, answer, _ := s.send(request)
	if status != 202 || answer.Channel != "sms" {
		t.Fatalf("%d %+v", status, answer)
	}
	s.eventually("the code leaves", func() bool { return len(sent) == 1 })
	if life := s.life(answer.Ref); !strings.HasPrefix(life, "decided|sms|there is no connector for push; goes by sms ") {
		t.Errorf("its life is %s", life)
	}
	s.must("DELETE", "/api/channels/sms", nil)
	if status, answer, _ = s.send(request); status != 202 || answer.Channel != "push" || answer.State != "queued" || answer.Reason != "there is no connector for push" {
		t.Errorf("without any connector: %d %+v", status, answer)
	}
}

// A word about what can be no channel would be lost, and a yes for a channel that is not here means nothing: both are refused wherever
// they come in. One of the program's that is not set up yet is known, and a refusal is kept whatever channel it is about.
func TestAWordAboutNoChannelIsRefused(t *testing.T) {
	s := startServer(t, withScripts(t, owing()))
	for _, channel := range []string{"", "email", "sms", "push", "inapp", "letter", "call", "social", "webhook", "email-news"} {
		s.must("POST", "/v1/consent", map[string]any{"userId": "ada", "channel": channel, "granted": true})
	}
	say := func(channel string, granted bool) (int, string) {
		status, text, _ := s.call("POST", "/v1/consent", map[string]any{"userId": "ada", "channel": channel, "granted": granted})
		return status, text
	}
	for channel, hint := range map[string]string{"emial": `did you mean \"email\"?`, "email-": `did you mean \"email\"?`, "mail": `did you mean \"email\"?`} {
		for _, granted := range []bool{false, true} {
			if status, text := say(channel, granted); status != 400 || !strings.Contains(text, `"field":"channel"`) ||
				!strings.Contains(text, channel+`\" is no channel here`) || !strings.Contains(text, hint) {
				t.Errorf("%s %v: %d %s", channel, granted, status, text)
			}
		}
	}
	if status, text := say("viber", true); status != 400 || !strings.Contains(text, `"field":"channel"`) || !strings.Contains(text, "these are: call, email, ") {
		t.Errorf("a yes for a channel that is not here: %d %s", status, text)
	}
	if status, text := say("viber", false); status != 200 {
		t.Errorf("a no for a channel that is not here: %d %s", status, text)
	}
	if text := s.must("GET", "/v1/customers/ada", nil); !strings.Contains(text, `"viber"`) {
		t.Errorf("the no is not kept: %s", text)
	}
	row := func(id, user, field, channel string) map[string]any {
		const at = "2026-01-31T12:00:00Z"
		word := map[string]any{"channel": channel, "granted": false, "at": at, "source": "list"}
		if field == "suppressions" {
			word = map[string]any{"channel": channel, "reason": "bounced", "at": at, "address": ""}
		}
		return map[string]any{"id": id, "customer": map[string]any{"userId": user, field: []any{word}}}
	}
	s.must("POST", "/v1/import", map[string]any{"source": "list"})
	status, text, _ := s.call("POST", "/v1/import/list/customers", map[string]any{"customers": []any{
		row("1", "bob", "consents", "emial"), row("2", "cleo", "consents", "email"), row("3", "dora", "suppressions", "emial"),
	}})
	if status != 200 || strings.Count(text, `\"emial\" is no channel here`) != 2 || !strings.Contains(text, `"accepted":1`) {
		t.Errorf("the import: %d %s", status, text)
	}
	// Of a row only the yes is left out that is about a channel which is not here.
	const said = "2026-01-31T12:00:00Z"
	word := func(channel string, granted bool) map[string]any {
		return map[string]any{"channel": channel, "granted": granted, "at": said, "source": "list"}
	}
	mixed := map[string]any{"line": 7, "id": "4", "customer": map[string]any{"userId": "eve",
		"consents":     []any{word("viber", true), word("email", false)},
		"suppressions": []any{map[string]any{"channel": "signal", "reason": "bounced", "at": said, "address": "@eve"}}}}
	status, text, _ = s.call("POST", "/v1/import/list/customers", map[string]any{"customers": []any{mixed}})
	if status != 200 || !strings.Contains(text, `"accepted":1`) || !strings.Contains(text, `\"viber\" is no channel here; its yes is left out, the rest of the row is taken`) ||
		!strings.Contains(text, `"field":"consents"`) {
		t.Errorf("the import: %d %s", status, text)
	}
	text = s.must("GET", "/v1/customers/eve", nil)
	if strings.Contains(text, `"viber"`) || !strings.Contains(text, `"signal"`) || !strings.Contains(text, `"channel":"email"`) {
		t.Errorf("what is kept of the row is %s", text)
	}
}

// A pause for a message that nobody knows holds, and is not taken without a word.
func TestAnOrderAboutAnUnknownMessageIsNoted(t *testing.T) {
	s := startServer(t, withScripts(t, owing()))
	s.setMode("trial", lifecycle.Live)
	for target, want := range map[string]string{
		`{"name": "recipt"}`:                      `no message of this name yet: no script has a message \"recipt\"; did you mean \"receipt\"?`,
		`{"name": "receipt"}`:                     "",
		`{"name": "receipt", "journey": "trial"}`: "",
		`{"channel": "email"}`:                    "",
	} {
		text := s.must("POST", "/api/orders/pause", target)
		if want == "" && strings.Contains(text, `"note"`) || !strings.Contains(text, want) {
			t.Errorf("%s: %s", target, text)
		}
	}
	if text := s.must("GET", "/api/orders", nil); strings.Contains(text, `"note"`) || !strings.Contains(text, "recipt") {
		t.Errorf("the orders in force are %s", text)
	}
}

// Messages are listed with what came back of them, and found by it.
func TestMessagesAreFoundByWhatCameBack(t *testing.T) {
	s := startServer(t, withScripts(t, owing()))
	s.setMode("trial", lifecycle.Live)
	refs := map[string]string{}
	for _, user := range []string{"ada", "bob", "cleo"} {
		status, answer, _ := s.send(map[string]any{"userId": user, "email": user + "@example.com", "message": "trial/receipt", "properties": map[string]any{"number": 7, "total": 1}})
		if status != 202 {
			t.Fatalf("%d %+v", status, answer)
		}
		refs[user] = answer.Ref
	}
	s.eventually("all have left", func() bool { return s.states()["accepted"] == 3 })
	told := func(user, event string) {
		s.track(user, event, map[string]any{"properties": map[string]string{"message": refs[user][len(refs[user])-32:]}})
	}
	told("ada", "Email Delivered")
	told("ada", "Email Opened")
	told("bob", "Email Delivered")
	told("bob", "Email Bounced")
	found := func(state string) string {
		var page struct {
			Messages []struct {
				User    string
				Answers []string
			}
		}
		if err := json.Unmarshal([]byte(s.must("GET", "/api/messages?state="+url.QueryEscape(state), nil)), &page); err != nil {
			t.Fatal(err)
		}
		var users []string
		for _, m := range page.Messages {
			users = append(users, strings.TrimSpace(m.User+" "+strings.Join(m.Answers, "+")))
		}
		slices.Sort(users)
		return strings.Join(users, ", ")
	}
	for state, want := range map[string]string{"delivered": "ada delivered+opened, bob delivered+bounced", "opened": "ada delivered+opened",
		"bounced": "bob delivered+bounced", "complained": "", "in doubt": "", "accepted": "ada delivered+opened, bob delivered+bounced, cleo"} {
		if got := found(state); got != want {
			t.Errorf("%s: %s; want %s", state, got, want)
		}
	}
}
