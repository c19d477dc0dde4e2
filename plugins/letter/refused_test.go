package letter_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stagecraft/plugins/channel"
)

// TestAfterTheSettingsChanged: what was accepted and cannot be printed any more is named, and the others are printed.
func TestAfterTheSettingsChanged(t *testing.T) {
	p := newPost(t, t.TempDir(), "2026-11-22 09:00")
	full := message(1)
	full.To = `{"name":"Ada","company":"Sen","street":"1\n2\n3","city":"Huế"}`
	p.accept(full, message(2))
	if err := p.Configure(t.Context(), json.RawMessage(with(p.folder, "country", "DE"))); err != nil {
		t.Fatal(err)
	}
	p.set("2026-11-23 09:00")
	p.closeDays()
	m := p.manifest("2026-11-22")
	if len(m.Letters) != 1 || len(m.Refused) != 1 || m.Refused[0].ID != full.ID || !strings.Contains(m.Refused[0].Reason, "window") {
		t.Errorf("%+v", m)
	}
	if err := p.Health(t.Context()); err == nil || !strings.Contains(err.Error(), "1 letters of 2026-11-22") {
		t.Errorf("%v", err)
	}
}

func TestRefused(t *testing.T) {
	p := newPost(t, t.TempDir(), "2026-11-22 09:00", "max_pages", 2)
	for name, c := range map[string]struct {
		change func(*channel.Message)
		reason string
	}{
		"no address":      {func(m *channel.Message) { m.To = "" }, "not a JSON object"},
		"no street":       {func(m *channel.Message) { m.To = `{"name":"Ada","city":"Huế"}` }, "no street"},
		"no city":         {func(m *channel.Message) { m.To = `{"name":"Ada","street":"1 A"}` }, "no city"},
		"no name":         {func(m *channel.Message) { m.To = `{"street":"1 A","city":"Huế"}` }, "no name"},
		"no code":         {func(m *channel.Message) { m.To = `{"name":"Ada","street":"1 A","city":"Köln","country":"DE"}` }, "Germany"},
		"no such letters": {func(m *channel.Message) { m.To = `{"name":"陈","street":"1 A","city":"Huế"}` }, "U+9648"},
		"too many lines":  {func(m *channel.Message) { m.To = `{"name":"Ada","street":"1\n2\n3\n4\n5","city":"Huế"}` }, "window"},
		"no text":         {func(m *channel.Message) { m.Text = " \n\u200b" }, "no text"},
		"only marks":      {func(m *channel.Message) { m.Text = "#\n\n---\n" }, "no text"},
		"no glyph":        {func(m *channel.Message) { m.Text = "Hi 😀" }, "U+1F600"},
		"three pages":     {func(m *channel.Message) { m.Text = strings.Repeat("Xin chào.\n\n", 100) }, "more than 2 pages"},
		"long":            {func(m *channel.Message) { m.Text = strings.Repeat("a", 1<<20) }, "longer than"},
	} {
		m := message(1)
		c.change(&m)
		if r := p.send(m)[0]; r.Outcome != channel.Permanent || !strings.Contains(r.Reason, c.reason) {
			t.Errorf("%s: %s, %s", name, r.Outcome, r.Reason)
		}
	}
	p.accept(message(1))
}

func TestOutOfTime(t *testing.T) {
	p := newPost(t, t.TempDir(), "2026-11-22 09:00")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if r := p.Send(ctx, []channel.Message{message(1)})[0]; r.Outcome != channel.Temporary {
		t.Errorf("%+v", r)
	}
	p.accept(message(1))
}

func TestTheFolderIsGone(t *testing.T) {
	p := newPost(t, filepath.Join(t.TempDir(), "letters"), "2026-11-22 09:00")
	p.accept(message(0))
	if err := os.RemoveAll(p.folder); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p.folder, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if r := p.send(message(1))[0]; r.Outcome != channel.Temporary {
		t.Errorf("%+v", r)
	}
	if p.Health(t.Context()) == nil {
		t.Error("it says that it is well")
	}
	if err := os.Remove(p.folder); err != nil {
		t.Fatal(err)
	}
	p.accept(message(1))
	if err := p.Health(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestTheTable(t *testing.T) {
	p := newPost(t, t.TempDir(), "2026-11-22 09:00")
	evil := message(1)
	evil.To = `{"name":"=HYPERLINK(\"http://evil.example\")","company":"\"Sen, Việt\"","street":"Tầng 2\n1 Lê Duẩn","postalCode":"+84","city":"@SUM(A1)","country":"vn"}`
	p.accept(evil, message(2))
	p.set("2026-11-23 09:00")
	p.closeDays()
	raw := p.file("2026-11-22", "addresses.csv")
	text, ok := strings.CutPrefix(string(raw), "\uFEFF")
	if !ok || !strings.HasPrefix(text, `number,"id","file","page","pages","name","company","street",`) || !strings.Contains(text, "\r\n") {
		t.Errorf("%q", text)
	}
	rows, err := csv.NewReader(bytes.NewReader(raw)).ReadAll() // a strict one, to which the mark is text
	if err != nil || len(rows) != 3 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	row := map[string]string{}
	for i, name := range rows[0] {
		row[strings.TrimPrefix(name, "\uFEFF")] = rows[1][i]
	}
	want := map[string]string{
		"number": "1", "id": evil.ID, "file": "letters.pdf", "page": "1", "pages": "1", "name": `'=HYPERLINK("http://evil.example")`, "company": `"Sen, Việt"`,
		"street": "Tầng 2, 1 Lê Duẩn", "postal_code": "'+84", "city": "'@SUM(A1)", "state": "", "country": "Vietnam", "kind": "marketing",
	}
	if !maps.Equal(row, want) {
		t.Errorf("got  %v\nwant %v", row, want)
	}
}
