package script_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
	"stagecraft/scripts"
)

func quote(s string) string { b, _ := json.Marshal(s); return string(b) }

func TestReadSources(t *testing.T) {
	files := fstest.MapFS{}
	for name, text := range map[string]string{
		"lib/offers.lua": `return use "lib/prices"`, "lib/prices.lua": "return 1", "lib/other.lua": "return 2", "lib/offers_test.lua": "x",
		"a/journey.lua": `local o = use "lib/offers"`, "a/one.lua": "", "a/one_test.lua": "x", "a/messages/x.sms.liquid": "x", "a/messages/.hidden": "x", "a/messages/x.sms.liquid~": "x", "a/messages/x.sms.liquid.bak": "x", "a/messages/#x.sms.liquid#": "x",
		"a/messages/partials/p.liquid~": "x", "lib/layouts/b.email.liquid.orig": "x", "a/README.md": "x", "a/.one.lua.swp": "x",
		"b/journey.lua": "", "c/notes.lua": "", "d.lua": "", ".git/journey.lua": "",
	} {
		files[name] = &fstest.MapFile{Data: []byte(text)}
	}
	sources, err := script.ReadSources(files)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range sources {
		got = append(got, s.Name+": "+strings.Join(s.Paths(), " "))
	}
	want := []string{"a: journey.lua lib/offers.lua lib/prices.lua messages/x.sms.liquid one.lua", "b: journey.lua"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestReadSourcesLimits(t *testing.T) {
	files := fstest.MapFS{
		"a/journey.lua": {Data: make([]byte, script.MaxLuaBytes+1)}, "a/messages/x.sms.liquid": {Data: make([]byte, script.MaxMessageBytes+1)},
		"b/journey.lua": {}, "b/messages/ok.sms.liquid": {Data: make([]byte, script.MaxMessageBytes)},
	}
	for i := range script.MaxFiles + 5 {
		files["c/x"+number(i)+".lua"] = &fstest.MapFile{}
	}
	files["c/journey.lua"] = &fstest.MapFile{}
	_, err := script.ReadSources(files)
	var errs script.Errors
	if !errors.As(err, &errs) || len(errs) != 3 {
		t.Fatalf("error %v", err)
	}
	for i, want := range []string{"a/journey.lua:1: it is larger than 64 KB", "a/messages/x.sms.liquid:1: it is larger than 256 KB", "a journey may have 500 files"} {
		if !strings.Contains(errs[i].Error(), want) {
			t.Errorf("%v, want %s", errs[i], want)
		}
	}
}

func TestLinksStayInside(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret.lua")
	root := filepath.Join(dir, "scripts")
	write := func(name, text string) {
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	link := func(target, name string) {
		if err := os.Symlink(target, filepath.Join(root, name)); err != nil {
			t.Skip("no links here:", err)
		}
	}
	write(secret, "secret")
	write(filepath.Join(root, "a/journey.lua"), "")
	write(filepath.Join(root, "a/one.lua"), "one")
	link("one.lua", "a/two.lua")
	link("../a", "a/messages")
	if err := os.Remove(filepath.Join(root, "a/messages")); err != nil {
		t.Fatal(err)
	}
	link("a", "b")
	sources, err := script.ReadSources(os.DirFS(root))
	if err != nil || len(sources) != 2 || string(sources[1].Files["two.lua"]) != "one" {
		t.Fatalf("%v, %v", sources, err)
	}
	for _, target := range []string{"../../secret.lua", secret, "../b/../../secret.lua", "loop.lua"} {
		link(target, "a/loop.lua")
		sources, err := script.ReadSources(os.DirFS(root))
		if err == nil || !strings.Contains(err.Error(), "leads out") {
			t.Errorf("%s: error %v", target, err)
		}
		for _, s := range sources {
			if _, ok := s.Files["loop.lua"]; ok {
				t.Errorf("%s was read", target)
			}
		}
		if err := os.Remove(filepath.Join(root, "a/loop.lua")); err != nil {
			t.Fatal(err)
		}
	}
}

// The built-in journey is what the documentation says.
func TestCustomerLifecycle(t *testing.T) {
	sources, err := script.ReadSources(scripts.Files)
	at := slices.IndexFunc(sources, func(s script.Source) bool { return s.Name == "customer-lifecycle" })
	if err != nil || at < 0 {
		t.Fatal(err)
	}
	p := compile(t, sources[at])
	const order, halfYear = "Order Completed", 180 * 24 * time.Hour
	var plan []string
	for _, s := range p.Journey.Stages {
		line := s.Name + " goal=" + strings.Join(s.Goals, ",") + " next=" + s.Next
		for _, h := range s.Handlers {
			line += " " + string(h.Kind) + h.Event
			if h.Kind == lifecycle.OnIdle && (h.After != halfYear || h.Event != order) {
				t.Errorf("%+v", h)
			}
		}
		plan = append(plan, line)
	}
	want := []string{
		"member goal=Order Completed next=single-purchase", "single-purchase goal=Order Completed next=active enter idleOrder Completed",
		"active goal= next= enter idleOrder Completed", "lost goal=Order Completed next=active enter",
	}
	if !slices.Equal(plan, want) {
		t.Errorf("plan %q", plan)
	}
	for _, move := range [][2]string{{"member", "single-purchase"}, {"single-purchase", "active"}, {"single-purchase", "lost"}, {"active", "lost"}, {"lost", "active"}} {
		if !p.Journey.MayMove(move[0], move[1]) {
			t.Errorf("%v is not allowed", move)
		}
	}
	if p.Journey.MayMove("member", "active") || len(p.Templates) != 10 {
		t.Errorf("%d templates", len(p.Templates))
	}
	for _, m := range p.Templates {
		if kind := m.Front["kind"]; (kind == "transactional") != (m.Name == "thank-you") || m.Channel != "email" || m.Front["preheader"] == "" || m.Front["topic"] == "" {
			t.Errorf("%s: %v", m.Name, m.Front)
		}
	}
	story := func(handler string) (said []string) {
		var journal []script.Entry
		for {
			r, err := p.Run(script.Call{Handler: handler, Stage: strings.TrimSuffix(handler, ".lua#1"), Customer: customer(), Now: noon, Journal: journal})
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range r.Effects {
				said = append(said, e.Name)
			}
			if r.Move != "" {
				said = append(said, "-> "+r.Move)
			}
			if !r.Waiting {
				return said
			}
			said = append(said, r.Until.Sub(noon).String())
			journal = stored(t, r.Journal)
		}
	}
	for handler, want := range map[string]string{
		"single-purchase.lua#1": "thank-you 720h0m0s second-order", "single-purchase.lua#2": "-> lost", "active.lua#1": "club", "active.lua#2": "-> lost", "lost.lua#1": "miss-you 1440h0m0s last-call",
	} {
		if got := strings.Join(story(handler), " "); got != want {
			t.Errorf("%s: %s", handler, got)
		}
	}
}
