package script_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
	"stagecraft/scripts"
)

const confirmMail = "---\nsubject: Confirm\nkind: transactional\n---\n{{ event.properties.confirm_url }}\n"

func TestBuiltInFormsAreSound(t *testing.T) {
	forms, err := script.New(script.Limits{}).ReadForms(scripts.Files)
	if err != nil {
		t.Fatal(err)
	}
	if len(forms.List) == 0 || forms.Messages == nil {
		t.Fatalf("%+v", forms)
	}
	f := forms.List[0]
	if f.Name != "newsletter" || !f.Double || f.Email() != "email" || f.Title.In("vi") != "Thư từ cửa hàng" || f.Title.In("fr") != "Letters from the shop" {
		t.Errorf("%+v", f)
	}
	if len(f.Consents) != 1 || f.Consents[0].Channel != "email" || f.Consents[0].Topic != "news" || !f.Consents[0].Required {
		t.Errorf("%+v", f.Consents)
	}
}

func TestWhatIsWrongWithAForm(t *testing.T) {
	for text, want := range map[string]string{
		`form {}`:              "no title",
		`form { title = "A" }`: "asks for nothing",
		`form { titel = "A", fields = { { name = "a", label = "A" } } }`: `did you mean "title"`,
		`x = 1`:    "calls form 0 times",
		`form "A"`: "form needs a table",
		`form { title = "A", fields = { { name = "1a", label = "A" } } }`:                                                                "needs a name",
		`form { title = "A", fields = { { name = "tags", label = "A" } } }`:                                                              "means something else",
		`form { title = "A", fields = { { name = "a" } } }`:                                                                              "no label",
		`form { title = "A", fields = { { name = "a", label = "A", type = "chioce" } } }`:                                                `did you mean "choice"`,
		`form { title = "A", fields = { { name = "a", label = "A", type = "choice" } } }`:                                                "a choice needs them",
		`form { title = "A", fields = { { name = "a", label = "A" }, { name = "a", label = "B" } } }`:                                    "twice",
		`form { title = "A", opt_in = "double", fields = { { name = "email", label = "A" } } }`:                                          "required",
		`form { title = "A", opt_in = "tripel", fields = { { name = "email", label = "A" } } }`:                                          "single",
		`form { title = "A", reward = "../keys.json", fields = { { name = "email", label = "A" } } }`:                                    "reward cannot be",
		`form { title = "A", reward = "/etc/passwd", fields = { { name = "email", label = "A" } } }`:                                     "reward cannot be",
		`form { title = "A", reward = "javascript://x", fields = { { name = "email", label = "A" } } }`:                                  "reward cannot be",
		`form { title = "A", after = "shop.example", fields = { { name = "email", label = "A" } } }`:                                     "no web address",
		`form { title = "A", origins = { "https://shop.example/x" }, fields = { { name = "email", label = "A" } } }`:                     "no origin",
		`form { title = "A", consents = { { name = "ok", label = "B", channel = "emial" } }, fields = { { name = "a", label = "A" } } }`: `did you mean "email"`,
		`form { title = { de = "A" }, fields = { { name = "a", label = "A" } } }`:                                                        "language",
		"form { title = \"A\"": "forms/a.lua:1",
		`while true do end`:    "forms/a.lua",
	} {
		_, errs := script.New(script.Limits{}).Form("a", []byte(text))
		if len(errs) == 0 || !strings.Contains(errs.Error(), want) {
			t.Errorf("%s\n got: %v\nwant: %s", text, errs, want)
		}
	}
}

func TestFormsNeedTheirMail(t *testing.T) {
	double := `form { title = "A", opt_in = "double", fields = { { name = "email", label = "Email", required = true } } }`
	single := `form { title = "B", fields = { { name = "email", label = "Email" } } }`
	for name, c := range map[string]struct{ mail, want string }{
		"missing": {"", "add forms/messages/confirm.email.liquid"},
		"kind":    {"---\nsubject: A\n---\n{{ event.properties.confirm_url }}", "kind: transactional"},
		"link":    {"---\nsubject: A\nkind: transactional\n---\nHello", "no link to confirm"},
		"good":    {confirmMail, ""},
	} {
		files := fstest.MapFS{"forms/double.lua": {Data: []byte(double)}, "forms/single.lua": {Data: []byte(single)}, "forms/.hidden.lua": {Data: []byte("x")}}
		if c.mail != "" {
			files["forms/messages/confirm.email.liquid"] = &fstest.MapFile{Data: []byte(c.mail)}
		}
		forms, err := script.New(script.Limits{}).ReadForms(files)
		if c.want == "" {
			if err != nil || len(forms.List) != 2 {
				t.Errorf("%s: %v, %d forms", name, err, len(forms.List))
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), c.want) || len(forms.List) != 1 || forms.List[0].Name != "single" {
			t.Errorf("%s: %v, %d forms", name, err, len(forms.List))
		}
	}
}

func FuzzForm(f *testing.F) {
	f.Add(`form { title = "A", fields = { { name = "email", label = "Email", required = true } } }`, "ada@example.com")
	f.Add(`form { title = "A", fields = { { name = "n", type = "number", label = { en = "N", vi = "S" } } } }`, "1,5")
	host := script.New(script.Limits{Steps: 10_000})
	f.Fuzz(func(t *testing.T, text, answer string) {
		form, errs := host.Form("a", []byte(text))
		if (form == nil) == (len(errs) == 0) {
			t.Fatalf("neither a form nor an error: %v", errs)
		}
		if form == nil {
			return
		}
		answers := form.Answers(func(string) []string { return []string{answer} })
		event := lifecycle.Event{Type: lifecycle.Track, Name: "x", UserID: "u"}
		if err := event.Validate(); err != nil {
			t.Fatal(err)
		}
		for name, raw := range answers.Traits {
			if answers.Problems[name] != "" || len(raw) == 0 {
				t.Fatalf("%s has both an answer and a problem", name)
			}
		}
	})
}
