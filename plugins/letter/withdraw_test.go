package letter_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"stagecraft/plugins/channel"
	"stagecraft/plugins/letter"
)

// named is a letter with a name of its own in the address, the subject and the text.
func named(i int, name string, lines int) channel.Message {
	m := message(i)
	m.To = strings.Replace(vietnam, "Nguyễn Thị Ánh Tuyết", name, 1)
	m.Subject, m.Text = "For "+name, strings.Repeat("Dear "+name+".\n\n", lines)
	return m
}

// fates withdraws and returns what became of each.
func (p *post) fates(forget bool, messages ...channel.Message) string {
	p.t.Helper()
	var ids, fates []string
	for _, m := range messages {
		ids = append(ids, m.ID)
	}
	out, err := p.Withdraw(p.t.Context(), ids, forget)
	if err != nil {
		p.t.Fatal(err)
	}
	for i, w := range out {
		if w.ID != ids[i] {
			p.t.Errorf("answer %d is about %s", i, w.ID)
		}
		fates = append(fates, w.Fate.String())
	}
	return strings.Join(fates, ", ")
}

func (p *post) waiting() []string {
	p.t.Helper()
	ids, err := p.Waiting(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	return ids
}

// holds returns the files of the folder that have one of the texts in them, the streams of PDFs as they are drawn.
func (p *post) holds(texts ...string) (found []string) {
	p.t.Helper()
	if err := filepath.WalkDir(p.folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, text := range texts {
			if bytes.Contains(data, []byte(text)) || bytes.Contains(inflated(p.t, data), glyphs(text)) {
				found = append(found, filepath.Base(path)+": "+text)
			}
		}
		return nil
	}); err != nil {
		p.t.Fatal(err)
	}
	return found
}

// glyphs is a text as the PDF draws it: UTF-16, with a backslash before what means something there.
func glyphs(text string) (out []byte) {
	for _, r := range text {
		for _, b := range []byte{byte(r >> 8), byte(r)} {
			if b == '\\' || b == '(' || b == ')' {
				out = append(out, '\\')
			}
			out = append(out, b)
		}
	}
	return out
}

// What is withdrawn before the host's last word is in no batch, over restarts, and is not taken in again; a batch waits for
// that word.
func TestWithdrawnIsNotPrinted(t *testing.T) {
	folder := t.TempDir()
	p := newPost(t, folder, "2026-11-22 09:00")
	ada, bob, eve := named(1, "Ada Planted", 1), named(2, "Bob", 1), named(3, "Eve Planted", 1)
	p.accept(ada, bob, eve)
	if got := p.fates(false, ada, message(9)); got != "withdrawn, unknown" {
		t.Errorf("the fates are %s", got)
	}
	if found := p.holds("Ada Planted"); len(found) > 0 {
		t.Errorf("a withdrawn letter is in %v", found)
	}
	_ = p.Close()
	p = newPost(t, folder, "2026-11-23 00:00")
	if got := p.fates(false, ada); got != "withdrawn" {
		t.Errorf("asked again after a restart: %s", got)
	}
	if r := p.send(ada)[0]; r.Outcome != channel.Permanent {
		t.Errorf("it is taken in again: %+v", r)
	}
	if got := p.waiting(); fmt.Sprint(got) != fmt.Sprint([]string{bob.ID, eve.ID}) {
		t.Fatalf("%v wait", got)
	}
	if err := p.Release(t.Context(), []string{bob.ID}); err != nil {
		t.Fatal(err)
	}
	p.look()
	if days, _ := p.batches(); len(days) > 0 {
		t.Fatal("the batch is written although a letter waits for the host's word")
	}
	_ = p.Close()
	p = newPost(t, folder, "2026-11-23 00:10")
	if got := p.waiting(); len(got) != 2 { // what was released is asked about again
		t.Errorf("%v wait after a restart", got)
	}
	if got := p.fates(false, eve); got != "withdrawn" {
		t.Errorf("at the last moment: %s", got)
	}
	_ = p.Release(t.Context(), []string{bob.ID})
	p.look()
	if days, ids := p.batches(); fmt.Sprint(days) != "[2026-11-22]" || len(ids) != 1 || ids[bob.ID] != 1 {
		t.Errorf("%v %v", days, ids)
	}
	if got := p.fates(false, bob, ada); got != "too late, withdrawn" {
		t.Errorf("after the batch: %s", got)
	}
	if found := p.holds("Planted"); len(found) > 0 {
		t.Errorf("%v", found)
	}
	if found := p.holds("Bob"); len(found) < 2 {
		t.Errorf("Bob is found in %v only: the search is blind", found)
	}
}

// A kill between the two steps of a withdrawal leaves a letter that is withdrawn in the journal.
func TestWithdrawnByHalf(t *testing.T) {
	folder := t.TempDir()
	p := newPost(t, folder, "2026-11-22 09:00")
	p.accept(message(1), message(2))
	path := filepath.Join(folder, ".state", "2026-11-22.journal")
	journal, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	p.fates(false, message(1))
	_ = p.Close()
	if err := os.WriteFile(path, journal, 0o600); err != nil {
		t.Fatal(err)
	}
	p = newPost(t, folder, "2026-11-23 09:00")
	p.closeDays()
	if _, ids := p.batches(); len(ids) != 1 || ids[message(2).ID] != 1 {
		t.Errorf("the batch has %v", ids)
	}
}

// Who is erased goes out of batches as well: pages, rows, entries. All others stay as they were, and sums are right.
func TestForgotten(t *testing.T) {
	for _, duplex := range []bool{false, true} {
		folder := t.TempDir()
		p := newPost(t, folder, "2026-11-22 09:00", "duplex", duplex, "file_pages", 20)
		var gone, all []channel.Message
		for i := range 12 {
			m := named(i, fmt.Sprintf("Person %c", 'A'+i), 1+30*(i%3))
			if i%4 == 0 || i >= 10 {
				m = named(i, fmt.Sprintf("Planted %c", 'A'+i), 1+30*(i%3))
				gone = append(gone, m)
			}
			all = append(all, m)
		}
		p.accept(all...)
		p.set("2026-11-23 00:00")
		p.closeDays()
		p.accept(named(50, "Planted open", 1))
		gone = append(gone, named(50, "Planted open", 1))
		if found := p.holds("Planted"); len(found) < 3 {
			t.Fatalf("the name is found in %v only: the search is blind", found)
		}
		if got := p.fates(true, gone...); got != strings.Repeat("too late, ", 5)+"withdrawn" {
			t.Errorf("the fates are %s", got)
		}
		if found := p.holds("Planted", gone[0].ID, gone[1].ID); len(found) > 0 {
			t.Errorf("duplex %v: still in %v", duplex, found)
		}
		after := p.manifest("2026-11-22")
		if len(after.Letters) != 7 || after.Removed != 5 {
			t.Errorf("%d letters, %d removed", len(after.Letters), after.Removed)
		}
		table := string(p.file("2026-11-22", "addresses.csv"))
		if strings.Count(table, "\n") != 8 || !strings.HasPrefix(table, "\uFEFFnumber,\"id\",") {
			t.Errorf("the table is %s", table)
		}
		pages := map[string]int{}
		for _, f := range after.Files {
			content := p.file("2026-11-22", f.Name)
			if sum(content) != f.SHA256 || int64(f.Bytes) != int64(len(content)) {
				t.Errorf("the sum of %s is wrong", f.Name)
			}
			pages[f.Name] = f.Pages
			if strings.HasSuffix(f.Name, ".pdf") {
				checkPDF(t, content, f.Pages)
			}
		}
		for _, l := range after.Letters {
			name := "Person " + string(rune('A'+l.Number-1))
			content := pageOf(t, p.file("2026-11-22", l.File), l.Page)
			if !strings.Contains(content, name) {
				t.Errorf("duplex %v: page %d of %s is not %s's", duplex, l.Page, l.File, name)
			}
			if !strings.Contains(table, fmt.Sprintf(`"%d","%s","%s","%d","%d","%s",`, l.Number, l.ID, l.File, l.Page, l.Pages, name)) {
				t.Errorf("the table has no row for %+v: %s", l, table)
			}
		}
		// Once more, and everybody: no PDF is left, and the manifest says so.
		p.fates(true, gone...)
		if again := p.manifest("2026-11-22"); fmt.Sprint(again) != fmt.Sprint(after) {
			t.Error("a repeated order has changed the batch")
		}
		_ = p.Close()
		p = newPost(t, folder, "2026-11-23 10:00", "duplex", duplex, "file_pages", 20)
		p.fates(true, all...)
		last := p.manifest("2026-11-22")
		if left, _ := filepath.Glob(filepath.Join(folder, "2026-11-22", "*.pdf")); len(left) > 0 || len(last.Letters) > 0 || last.Removed != 12 || len(last.Files) != 1 {
			t.Errorf("%v %+v", left, last)
		}
		if found := p.holds("Person"); len(found) > 0 {
			t.Errorf("still in %v", found)
		}
		if err := p.Health(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// A kill while a batch is being changed: what was made as a whole is moved to its place, anything less is made anew.
func TestForgottenByHalf(t *testing.T) {
	folder := t.TempDir()
	p := newPost(t, folder, "2026-11-22 09:00")
	p.accept(named(1, "Ada Planted", 1), named(2, "Bob", 1))
	p.set("2026-11-23 00:00")
	p.closeDays()
	cut := filepath.Join(folder, ".state", "2026-11-22.cut")
	if err := os.MkdirAll(cut, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(cut, "letters.pdf"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := p.MakeCut("2026-11-22", named(1, "", 1).ID); err != nil { // made, and one file moved
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(cut, "letters.pdf"), filepath.Join(folder, "2026-11-22", "letters.pdf")); err != nil {
		t.Fatal(err)
	}
	_ = p.Close()
	p = newPost(t, folder, "2026-11-23 09:00")
	p.fates(true, named(1, "", 1))
	if found := p.holds("Planted"); len(found) > 0 {
		t.Errorf("still in %v", found)
	}
	m := p.manifest("2026-11-22")
	if len(m.Letters) != 1 || m.Files[0].Pages != 1 || m.Files[0].SHA256 != sum(p.file("2026-11-22", "letters.pdf")) {
		t.Errorf("%+v", m)
	}
	if _, err := os.Stat(cut); !os.IsNotExist(err) {
		t.Errorf("%s is left", cut)
	}
}

// A file that somebody else wrote is not touched, and said.
func TestForgottenOfAForeignPDF(t *testing.T) {
	folder := t.TempDir()
	p := newPost(t, folder, "2026-11-22 09:00")
	p.accept(message(1), message(2))
	p.set("2026-11-23 00:00")
	p.closeDays()
	path := filepath.Join(folder, "2026-11-22", "letters.pdf")
	if err := os.WriteFile(path, []byte("%PDF-1.7 of another program"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Withdraw(t.Context(), []string{message(1).ID}, true); err == nil || !strings.Contains(err.Error(), "delete the batch") {
		t.Errorf("%v", err)
	}
	if err := os.RemoveAll(filepath.Dir(path)); err != nil {
		t.Fatal(err)
	}
	if got := p.fates(true, message(1)); got != "too late" {
		t.Error(got)
	}
}

func FuzzCutPages(f *testing.F) {
	p := newPost(f, f.TempDir(), "2026-11-22 09:00")
	p.accept(message(1), message(2), message(3))
	p.set("2026-11-23 00:00")
	p.closeDays()
	f.Add(p.file("2026-11-22", "letters.pdf"), 2)
	f.Add([]byte("%PDF-1.3\nxref\n0 1\ntrailer\nstartxref\n9\n%%EOF\n"), 1)
	f.Fuzz(func(t *testing.T, pdf []byte, page int) {
		cut, err := letter.CutPages(pdf, page)
		if err != nil {
			return
		}
		if _, err = letter.CutPages(cut); err != nil {
			t.Errorf("what was cut cannot be read: %v", err)
		}
	})
}

func sum(content []byte) string { return fmt.Sprintf("%x", sha256.Sum256(content)) }

// look lets the connector see that days are over, as it does by itself.
func (p *post) look() {
	p.t.Helper()
	if err := p.Look(); err != nil {
		p.t.Fatal(err)
	}
}

// pageOf are the texts of a page.
func pageOf(t *testing.T, pdf []byte, page int) string {
	t.Helper()
	var out strings.Builder
	for _, s := range pages(t, pdf)[page-1] {
		out.WriteString(s.text + "\n")
	}
	return out.String()
}

// checkPDF looks whether other programs can read a PDF, where there is one.
func checkPDF(t *testing.T, pdf []byte, count int) {
	t.Helper()
	if n := len(pages(t, pdf)); n != count {
		t.Errorf("the PDF has %d pages, not %d", n, count)
	}
	if _, err := letter.CutPages(pdf); err != nil {
		t.Error(err)
	}
	program, err := exec.LookPath("pdftotext")
	if err != nil {
		return
	}
	path := filepath.Join(t.TempDir(), "cut.pdf")
	if err = os.WriteFile(path, pdf, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(program, path, "-").CombinedOutput()
	if err != nil || bytes.Count(out, []byte("\f")) != count || bytes.Contains(out, []byte("Planted")) || bytes.Contains(out, []byte("rror")) {
		t.Errorf("pdftotext: %v %.2000s", err, out)
	}
}
