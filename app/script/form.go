package script

import (
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"

	"stagecraft/app/lifecycle"
)

// FormsFolder is the folder of the scripts that holds forms, one Lua file each, and what they mail in messages.
const FormsFolder = "forms"

// FormMail is the message that asks the owner of an address, if the form does not name another one.
const FormMail = "confirm"

const (
	rewardLife    = 7 * 24 * time.Hour
	maxRewardLife = 365 * 24 * time.Hour
)

// Forms are the forms of a scripts folder, by name, and their messages.
type Forms struct {
	List     []lifecycle.Form
	Messages *Program // nil if there is no form, or a message is broken
}

// ReadForms reads the folder forms of a scripts folder: one form { … } per Lua file. Forms that are broken are left out; the
// error is an Errors and says why.
func (h *Host) ReadForms(fsys fs.FS) (Forms, error) {
	r := &reader{fsys: fsys}
	var forms Forms
	if info, err := fs.Stat(fsys, FormsFolder); err != nil || !info.IsDir() {
		return forms, nil
	}
	for _, entry := range r.list(FormsFolder) {
		file := FormsFolder + "/" + entry.Name()
		if !isScript(entry.Name()) || r.isDir(file, entry) {
			continue
		}
		text, ok := r.read(file, MaxLuaBytes)
		if !ok {
			continue
		}
		form, errs := h.Form(strings.TrimSuffix(entry.Name(), ".lua"), text)
		if r.errs = append(r.errs, errs...); len(errs) == 0 {
			forms.List = append(forms.List, *form)
		}
	}
	if len(forms.List) > 0 {
		h.readFormMessages(r, &forms)
	}
	if len(r.errs) > 0 {
		return forms, r.errs.sorted()
	}
	return forms, nil
}

// readFormMessages compiles the messages of forms as those of a journey that nobody enters.
func (h *Host) readFormMessages(r *reader, forms *Forms) {
	source := Source{Name: FormsFolder, Files: map[string][]byte{
		journeyFile: []byte("journey { title = \"Forms\", stages = { \"asked\" } }\n"),
		"asked.lua": []byte("stage { title = \"Asked to confirm\" }\n"),
	}}
	add := func(file string) {
		if content, ok := r.read(FormsFolder+"/"+file, MaxMessageBytes); ok && len(source.Files) < MaxFiles {
			source.Files[file] = content
		}
	}
	if info, err := fs.Stat(r.fsys, FormsFolder+"/messages"); err == nil && info.IsDir() {
		for _, entry := range r.list(FormsFolder + "/messages") {
			if file := entry.Name(); !isLeft(file) && !r.isDir(FormsFolder+"/messages/"+file, entry) {
				add("messages/" + file)
			}
		}
		r.shared(FormsFolder+"/messages", func(file string) { add(strings.TrimPrefix(file, FormsFolder+"/")) })
	}
	addLib(source, r.lib())
	program, err := h.Compile(source)
	if err != nil {
		list, is := err.(Errors)
		if !is {
			list = Errors{problem(FormsFolder+"/messages", 1, "", "%v", err)}
		}
		r.errs = append(r.errs, list...)
		forms.List = slices.DeleteFunc(forms.List, func(f lifecycle.Form) bool { return f.Double })
		return
	}
	forms.Messages = program
	forms.List = slices.DeleteFunc(forms.List, func(f lifecycle.Form) bool {
		t, ok := program.Template(f.Mail, "email", "")
		switch {
		case !f.Double:
			return false
		case !ok:
			r.errs = append(r.errs, problem(f.File, 1, "add forms/messages/"+f.Mail+".email.liquid", "the form asks by message %q, which is not there", f.Mail))
		case t.Front["kind"] != string(lifecycle.Transactional):
			r.errs = append(r.errs, problem(t.File, 1, "write kind: transactional into its front matter", "whoever is asked has not agreed to marketing"))
		case !strings.Contains(t.Body, "confirm_url"):
			r.errs = append(r.errs, problem(t.File, 1, "write {{ event.properties.confirm_url }} where the link is to stand", "the message has no link to confirm"))
		default:
			return false
		}
		return true
	})
}

// Form reads one form.
func (h *Host) Form(name string, text []byte) (*lifecycle.Form, Errors) {
	file := FormsFolder + "/" + name + ".lua"
	if !validName(name) || strings.HasPrefix(name, "_") {
		return nil, Errors{problem(file, 1, nameRule, "%q cannot name a form", cut(name, 80))}
	}
	tree, failed := parseLua(file, text)
	if failed != nil {
		return nil, Errors{failed}
	}
	proto, failed := compileLua(file, tree)
	if failed != nil {
		return nil, Errors{failed}
	}
	program := &Program{host: h, src: Source{Name: FormsFolder, Files: map[string][]byte{name + ".lua": text}}, files: []string{file}, longest: len(text)}
	m := h.take()
	m.begin(program, h.limits)
	m.file, m.toplevel = name+".lua", true
	var said map[string]any
	line, calls := 1, 0
	m.env.RawSetString("form", m.L.NewFunction(func(L *lua.LState) int {
		calls++
		if _, ok := L.Get(1).(*lua.LTable); !ok {
			m.fail(L, `as in form { title = "…", fields = { … } }`, "form needs a table")
		}
		_, line = m.where(L)
		said, _ = m.fromLua(L, L.Get(1), "a form").(map[string]any)
		return 0
	}))
	stopped := m.exec(m.chunk(proto))
	if stopped != nil {
		failed = m.failure(stopped)
	}
	h.give(m, stopped == nil)
	switch {
	case failed != nil:
		return nil, Errors{failed}
	case calls != 1 || said == nil:
		return nil, Errors{problem(file, line, `write form { title = "…", fields = { … } }, once`, "the file calls form %d times", calls)}
	}
	b := &formBuilder{file: file, line: line, form: &lifecycle.Form{Name: name, File: file, Version: lifecycle.HashID("form", name, string(text)).String()}}
	b.build(said)
	if len(b.errs) > 0 {
		return nil, b.errs
	}
	return b.form, nil
}

// formBuilder makes a form of what its file says.
type formBuilder struct {
	file string
	line int
	form *lifecycle.Form
	errs Errors
}

func (b *formBuilder) report(hint, format string, args ...any) {
	if len(b.errs) < maxErrors {
		b.errs = append(b.errs, problem(b.file, b.line, hint, format, args...))
	}
}

func (b *formBuilder) build(said map[string]any) {
	f := b.form
	b.known("form", said, "title", "intro", "button", "thanks", "check", "fields", "consents", "opt_in", "mail", "reward", "reward_for", "after", "origins")
	f.Title, f.Intro, f.Button = b.texts(said, "title"), b.texts(said, "intro"), b.texts(said, "button")
	f.Thanks, f.Check = b.texts(said, "thanks"), b.texts(said, "check")
	if f.Title == nil {
		b.report(`as in title = "Our newsletter"`, "the form has no title")
	}
	for i, one := range b.list(said, "fields", lifecycle.MaxFormFields) {
		b.field(i, one)
	}
	for i, one := range b.list(said, "consents", lifecycle.MaxFormConsents) {
		b.consent(i, one)
	}
	if len(f.Fields) == 0 {
		b.report(`as in fields = { { name = "email", label = "Email", required = true } }`, "the form asks for nothing")
	}
	seen := map[string]bool{}
	for _, name := range b.names() {
		if seen[name] {
			b.report("give each field and box a name of its own", "%q is there twice", cut(name, 80))
		}
		seen[name] = true
	}
	b.optIn(said)
	b.reward(said)
	if f.After = b.text(said, "after", ""); f.After != "" && !webAddress(f.After) {
		b.report(`as in after = "https://shop.example/thanks"`, "after is no web address: %q", cut(f.After, 80))
	}
	for _, one := range b.plain(said, "origins", 50) {
		origin, _ := one.(string)
		at, err := url.Parse(origin)
		if err != nil || !webAddress(origin) || at.Path != "" || at.RawQuery != "" {
			b.report(`as in origins = { "https://shop.example" }`, "origins has %q, which is no origin of pages", cut(fmt.Sprint(one), 80))
			continue
		}
		f.Origins = append(f.Origins, strings.ToLower(origin))
	}
}

func (b *formBuilder) names() []string {
	var names []string
	for i := range b.form.Fields {
		names = append(names, b.form.Fields[i].Name)
	}
	for i := range b.form.Consents {
		names = append(names, b.form.Consents[i].Name)
	}
	return names
}

func (b *formBuilder) optIn(said map[string]any) {
	f := b.form
	how := b.text(said, "opt_in", "single")
	if how != "single" && how != "double" {
		b.report(didYouMean(how, []string{"single", "double"}, ""), `opt_in is "single" or "double", not %q`, cut(how, 80))
	}
	f.Double, f.Mail = how == "double", b.text(said, "mail", FormMail)
	if !f.Double {
		return
	}
	confirmed := f.Email()
	for i := range f.Fields {
		if f.Fields[i].Name == confirmed && f.Fields[i].Required {
			return
		}
	}
	b.report(`as in { name = "email", label = "Email", required = true }`, "a double opt-in needs a mail address that is required")
}

func (b *formBuilder) reward(said map[string]any) {
	f := b.form
	f.Keeps = rewardLife
	if text := b.text(said, "reward_for", ""); text != "" {
		life, err := lifecycle.ParseDuration(text)
		if err != nil || life <= 0 || life > maxRewardLife {
			b.report(`as in reward_for = "7 days"; a year at most`, "reward_for is no such duration: %q", cut(text, 80))
		}
		f.Keeps = life
	}
	f.Reward = b.text(said, "reward", "")
	switch {
	case f.Reward == "", webAddress(f.Reward):
	case strings.Contains(f.Reward, "://"), !fs.ValidPath(f.Reward), strings.HasPrefix(path.Base(f.Reward), "."), strings.ContainsAny(f.Reward, "\\\x00"):
		b.report(`name a file of the data folder's downloads, as in "guide.pdf", or a web address`, "reward cannot be %q", cut(f.Reward, 80))
	}
}

// webAddress reports whether a text is an address that a browser may be sent to.
func webAddress(text string) bool {
	at, err := url.Parse(text)
	return err == nil && (at.Scheme == "https" || at.Scheme == "http") && at.Hostname() != "" && at.User == nil && len(text) <= lifecycle.MaxLinkURL &&
		!strings.ContainsFunc(text, func(c rune) bool { return c <= ' ' || c == '"' || c == '<' || c == '>' })
}
