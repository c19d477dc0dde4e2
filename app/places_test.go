package app_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stagecraft/app/config"
	"stagecraft/app/lifecycle"
)

// What speaks against an address of a channel of others holds for everybody who has it, and for whoever gets it: also for those who
// had it before, and were never written to there. Others are written to.
func TestADeadAddressOfAChannelOfOthers(t *testing.T) {
	files := trial("stage { title = \"A\" }\non(\"Order\", function() send(\"hello\", { by = \"fax\" }) end)\n")
	files["trial/messages/hello.fax.liquid"] = "Hello by fax\n"
	s := startServer(t, withScripts(t, files), func(c *config.Config) { c.Policy.Preset = "none" })
	s.setMode("trial", lifecycle.Live)
	s.installFax("")
	s.must("POST", "/api/connectors/paper/approve", map[string]any{"sha256": s.channels().Plugins[0].SHA256})
	has := func(user, fax string) {
		t.Helper()
		s.must("POST", "/v1/identify", map[string]any{"userId": user, "traits": map[string]any{"fax": fax}})
	}
	has("early", "gone 1") // before there is such a channel
	s.must("PUT", "/api/channels/fax", map[string]any{"connector": "paper", "settings": map[string]any{"folder": t.TempDir()}})
	has("ada", "gone 1")
	s.track("ada", "Order")
	s.eventually("the connector says that it is gone", func() bool { return s.states()["failed no such number"] == 1 })
	has("late", " gone  1 ")
	s.track("early", "Order")
	s.track("late", "Order")
	s.eventually("it is gone for all", func() bool { return s.suppressed() == 2 })

	has("x1", "555-ERASED")
	s.must("POST", "/v1/customers/x1/erase", nil)
	has("x2", "555-ERASED")
	s.track("x2", "Order")
	s.eventually("nor is somebody erased written to by another name", func() bool { return s.suppressed() == 3 })
	has("ben", "7")
	s.track("ben", "Order")
	s.track("ben", "Order")
	s.eventually("others are", func() bool { return s.states()["accepted"] == 2 })
}

// A letter that came back is about whoever lives there, however their address is written; others in the house get theirs.
func TestALetterThatCameBack(t *testing.T) {
	files := ordered("ada", "letter")
	files["trial/messages/hello.letter.liquid"] = "---\nsubject: Hello\nkind: transactional\n---\nHello\n"
	s := startServer(t, withScripts(t, files), func(c *config.Config) { c.Policy.Preset = "none" })
	s.setMode("trial", lifecycle.Live)
	s.must("PUT", "/api/channels/letter", map[string]any{"settings": map[string]any{"folder": t.TempDir(), "sender": []string{"Sen", "1 Lê Duẩn, Huế"}, "country": "VN"}})
	lives := func(user, name, street, city, country string) {
		t.Helper()
		s.must("POST", "/v1/identify", map[string]any{"userId": user,
			"traits": map[string]any{"name": name, "address": map[string]any{"street": street, "city": city, "country": country}}})
	}
	order := func(user string) {
		t.Helper()
		s.track(user, "Order")
	}
	lives("q1", "An Lê", "7 Dead St", "Hà Nội", "VN")
	s.track("q1", "Letter Bounced")
	lives("q2", "an  LÊ", "7 Dead St.", "hà nội", "Vietnam")
	order("q2")
	s.eventually("whoever has the address gets none", func() bool { return s.suppressed() == 1 })
	lives("q1", "An Lê", "7 Dead St", "Hà Nội", "Vietnam")
	order("q1")
	s.eventually("nor does q1 by another spelling", func() bool { return s.suppressed() == 2 })
	lives("q3", "Bình Lê", "7 Dead St", "Hà Nội", "VN")
	order("q3")
	s.eventually("others in the house do", func() bool { return s.states()["accepted"] == 1 })
}

// Whoever shares a place with somebody who is erased is written to as before, whether or not they have been written to there; so are
// those whom a company's address is said of. Of the erased person nothing is left: neither where they lived before a merge, nor where
// a letter came back from.
func TestErasureAndPlaces(t *testing.T) {
	files := ordered("nobody", "letter")
	files["trial/messages/hello.letter.liquid"] = "---\nsubject: Hello\nkind: transactional\n---\nHello\n"
	files["trial/messages/hey.fax.liquid"] = "Hello by fax\n"
	files["trial/journey.lua"] += "\non(\"Faxed\", function() send(\"hey\", { by = \"fax\" }) end)\n"
	s := startServer(t, withScripts(t, files), func(c *config.Config) { c.Policy.Preset = "none" })
	s.setMode("trial", lifecycle.Live)
	s.installFax("")
	s.must("POST", "/api/connectors/paper/approve", map[string]any{"sha256": s.channels().Plugins[0].SHA256})
	s.must("PUT", "/api/channels/fax", map[string]any{"connector": "paper", "settings": map[string]any{"folder": t.TempDir()}})
	s.must("PUT", "/api/channels/letter", map[string]any{"settings": map[string]any{"folder": t.TempDir(), "sender": []string{"Sen", "1 Lê Duẩn, Huế"}, "country": "VN"}})
	say := func(name string, traits map[string]any) {
		t.Helper()
		s.must("POST", "/v1/identify", map[string]any{"userId": name, "traits": traits})
	}
	address := func(street string) map[string]any {
		return map[string]any{"street": street, "city": "Hanoi", "country": "VN"}
	}
	accepted := func(what string, n int) {
		t.Helper()
		s.eventually(what, func() bool { return s.states()["accepted"] == n && s.suppressed() == 0 })
	}

	for _, who := range []string{"ada", "ben", "eva"} {
		say(who, map[string]any{"fax": "555-SHARED", "company": "Acme GmbH", "address": address("1 Main")})
	}
	s.track("ada", "Faxed")
	s.track("ada", "Order")
	accepted("ada is written to", 2)
	s.must("POST", "/v1/customers/ada/erase", nil)
	s.track("ben", "Faxed")
	s.track("ben", "Order")
	accepted("so are ben and the company, of whom alone the ledger tells still", 2)
	say("new", map[string]any{"company": "ACME GmbH", "address": address("1 Main")})
	s.track("new", "Order")
	accepted("and whoever else comes to be there", 3)

	s.must("POST", "/v1/identify", map[string]any{"anonymousId": "dev1", "traits": map[string]any{"name": "An Zzyzx", "address": address("7 Quuxstreet")}})
	s.must("POST", "/v1/track", map[string]any{"anonymousId": "dev1", "event": "Order"})
	accepted("a letter to somebody unknown", 4)
	s.must("POST", "/v1/identify", map[string]any{"anonymousId": "dev1", "userId": "u1", "traits": map[string]any{"address": address("9 Corgestreet")}})
	s.track("u1", "Letter Bounced")
	say("u1", map[string]any{"address": address("11 Graultstreet")})
	s.must("POST", "/v1/customers/u1/erase", nil)
	say("u2", map[string]any{"name": "An Zzyzx", "address": address("7 quuxstreet")})
	s.track("u2", "Order")
	s.eventually("where they lived before is remembered", func() bool { return s.suppressed() == 1 })
}

// Lines of files that name a fax of the erased person's alone are overwritten, others are not: not where somebody else has it, and not
// where it is a word.
func TestLinesThatNameAPlace(t *testing.T) {
	s := startServer(t)
	s.installFax("")
	s.must("POST", "/api/connectors/paper/approve", map[string]any{"sha256": s.channels().Plugins[0].SHA256})
	s.must("PUT", "/api/channels/fax", map[string]any{"connector": "paper", "settings": map[string]any{"folder": t.TempDir()}})
	for user, fax := range map[string]string{"ada": "+84 28 3822 0000", "ben": "+84 28 3822 1111", "eva": "+84 28 3822 1111", "kim": "undelivered"} {
		s.must("POST", "/v1/identify", map[string]any{"userId": user, "traits": map[string]any{"fax": fax}})
	}
	path := filepath.Join(s.cfg.Data, "faxed.ndjson")
	const others = `{"to":"+842838221111","is":"undelivered"}` + "\n"
	if err := os.WriteFile(path, []byte(`{"to":"+84 2838220000","is":"sent","pages":1}`+"\n"+others), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, user := range []string{"ada", "eva", "kim"} {
		s.must("POST", "/v1/customers/"+user+"/erase", nil)
	}
	if text, err := os.ReadFile(path); err != nil || !strings.HasPrefix(string(text), `{"erased":`) || !strings.HasSuffix(string(text), "\n"+others) {
		t.Errorf("%s %v", text, err)
	}
}

// suppressed counts the messages that were suppressed because of the address.
func (s *server) suppressed() (n int) {
	for state, times := range s.states() {
		if strings.HasPrefix(state, "suppressed") {
			n += times
		}
	}
	return n
}
