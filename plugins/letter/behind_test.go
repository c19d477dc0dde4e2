package letter_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"stagecraft/plugins/channel"
)

// word answers as a host does that lets all leave but some.
func (p *post) word(stay ...channel.Message) {
	p.t.Helper()
	var leave []string
	for _, id := range p.waiting() {
		if !slices.ContainsFunc(stay, func(m channel.Message) bool { return m.ID == id }) {
			leave = append(leave, id)
		}
	}
	if err := p.Release(p.t.Context(), leave); err != nil {
		p.t.Fatal(err)
	}
	p.look()
}

func (p *post) printed(want map[string][]channel.Message) {
	p.t.Helper()
	days, ids := p.batches()
	total := 0
	for day, messages := range want {
		total += len(messages)
		if !slices.Contains(days, day) {
			p.t.Fatalf("there is no batch of %s, only of %v", day, days)
		}
		for _, m := range messages {
			if !bytes.Contains(p.file(day, "addresses.csv"), []byte(m.ID)) {
				p.t.Errorf("the batch of %s lacks %s", day, m.ID)
			}
		}
	}
	if len(days) != len(want) || len(ids) != total {
		p.t.Errorf("%d letters in %v, want %d", len(ids), days, total)
	}
	for id, n := range ids {
		if n != 1 {
			p.t.Errorf("letter %s is in %d batches", id, n)
		}
	}
}

// A letter that the host does not release holds the others back for some minutes, and is in the batch of the day on which it
// is released; until then it can be withdrawn.
func TestLeftBehind(t *testing.T) {
	p := newPost(t, t.TempDir(), "2026-11-22 09:00")
	a, b, stuck, taken := named(1, "Ada", 1), named(2, "Bob", 1), named(3, "Stuck", 1), named(4, "Planted", 1)
	p.accept(a, stuck, taken, b)
	p.set("2026-11-23 00:00")
	p.word(stuck, taken)
	p.set("2026-11-23 00:09")
	p.word(stuck, taken)
	p.printed(nil)
	p.set("2026-11-23 00:10")
	p.word(stuck, taken)
	p.printed(nil)
	p.word(stuck, taken)
	p.look()
	p.printed(map[string][]channel.Message{"2026-11-22": {a, b}})
	if m := p.manifest("2026-11-22"); m.LeftBehind != 2 {
		t.Errorf("the manifest says that %d are left behind", m.LeftBehind)
	}
	_ = p.Release(t.Context(), []string{stuck.ID}) // too old a word
	if got := p.waiting(); len(got) > 0 {
		t.Errorf("%v wait although their day is not over", got)
	}
	p.accept(stuck) // the host sends it again
	if got := p.fates(false, taken, a); got != "withdrawn, too late" {
		t.Errorf("the fates are %s", got)
	}
	p.set("2026-11-24 00:00")
	if got := p.waiting(); fmt.Sprint(got) != fmt.Sprint([]string{stuck.ID}) {
		t.Errorf("%v wait, not the one", got)
	}
	p.word()
	p.printed(map[string][]channel.Message{"2026-11-22": {a, b}, "2026-11-23": {stuck}})
	if found := p.holds("Planted"); len(found) > 0 {
		t.Errorf("the withdrawn letter is in %v", found)
	}
	if err := p.Health(t.Context()); err != nil {
		t.Error(err)
	}
}

// A kill between the two steps leaves a letter in both journals, or in both by half; after the second one it leaves a day
// without a batch.
func TestLeftBehindByHalf(t *testing.T) {
	a, b, stuck, more := named(1, "Ada", 1), named(2, "Bob", 1), named(3, "Stuck", 1), named(4, "More", 1)
	for name, torn := range map[string]struct {
		old  bool // the first journal is as it was
		half int  // so many bytes of the second one are missing; -1: all but what was in it before
	}{"nothing moved": {true, -1}, "torn": {true, 40}, "in both": {true, 0}, "moved, no batch": {false, 0}} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			p := newPost(t, folder, "2026-11-22 09:00")
			p.accept(a, stuck, b, more)
			first, second := filepath.Join(folder, ".state", "2026-11-22.journal"), filepath.Join(folder, ".state", "2026-11-23.journal")
			read := func(path string) []byte {
				t.Helper()
				content, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				return content
			}
			write := func(path string, content []byte) {
				t.Helper()
				if err := os.WriteFile(path, content, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			before := read(first)
			p.set("2026-11-23 00:00")
			p.accept(message(7))
			own := read(second)
			if err := p.LeaveBehind("2026-11-22", stuck.ID, more.ID); err != nil {
				t.Fatal(err)
			}
			_ = p.Close()
			if torn.old {
				write(first, before)
			}
			switch after := read(second); torn.half {
			case -1:
				write(second, own)
			default:
				write(second, after[:len(after)-torn.half])
			}
			p = newPost(t, folder, "2026-11-23 00:30")
			p.accept(stuck, more, a) // the host repeats itself
			p.word(stuck, more)
			p.set("2026-11-23 00:40")
			p.word(stuck, more)
			p.word(stuck, more)
			p.look()
			p.printed(map[string][]channel.Message{"2026-11-22": {a, b}})
			if m := p.manifest("2026-11-22"); m.LeftBehind != 2 {
				t.Errorf("the manifest says that %d are left behind", m.LeftBehind)
			}
			_ = p.Close()
			p = newPost(t, folder, "2026-11-24 00:30")
			p.word()
			p.printed(map[string][]channel.Message{"2026-11-22": {a, b}, "2026-11-23": {stuck, more, message(7)}})
		})
	}
}

// More letters than one answer holds that the host does not release are not in the way of those behind them.
func TestNamedInTurn(t *testing.T) {
	p := newPost(t, t.TempDir(), "2026-11-22 09:00")
	var all []channel.Message
	for i := range 2*channel.MaxNamed + 1 {
		all = append(all, message(i))
	}
	p.accept(all...)
	p.set("2026-11-23 00:00")
	var sizes []int
	for range 4 {
		sizes = append(sizes, len(p.waiting()))
	}
	if fmt.Sprint(sizes) != "[1000 1000 1 1000]" {
		t.Errorf("the answers have %v", sizes)
	}
	last := all[len(all)-1].ID
	if got := append(p.waiting(), p.waiting()...); got[len(got)-1] != last {
		t.Error("the last one is not named")
	}
	p.set("2026-11-23 00:10")
	_ = p.Release(t.Context(), []string{last})
	for range 4 {
		p.waiting()
	}
	p.look()
	p.printed(map[string][]channel.Message{"2026-11-22": {all[len(all)-1]}})
}
