package store_test

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"stagecraft/app/store"
)

func unix(nanos int64) time.Time { return time.Unix(0, nanos) }

// scanned lists what a scan shows, "key=value" in order.
func scanned(tx store.Reader, from, to []byte, limit int) string {
	var all []string
	if limit == 0 {
		return ""
	}
	tx.Scan(from, to, func(key, value []byte) bool {
		all = append(all, string(key)+"="+string(value))
		return len(all) != limit
	})
	return strings.Join(all, " ")
}

// An input reads what it and those before it wrote, also in scans, where deletions hide what is stored.
func TestOverlayReadsItsOwnWrites(t *testing.T) {
	s := open(t, t.TempDir())
	do(t, s, 0, func(tx store.Tx) (any, error) {
		for _, key := range []string{"a", "c", "e", "g"} {
			tx.Set([]byte(key), []byte("old"))
		}
		return nil, nil
	})
	do(t, s, 1, set("b", "of another partition"))
	do(t, s, 0, func(tx store.Tx) (any, error) {
		tx.Set([]byte("b"), []byte("new"))
		tx.Set([]byte("c"), []byte("new"))
		tx.Delete([]byte("e"))
		tx.Set([]byte("f"), []byte("new"))
		tx.Delete([]byte("f"))
		tx.Delete([]byte("nothing"))
		tx.Set([]byte("h"), nil)
		for _, c := range []struct {
			from, to string
			limit    int
			want     string
		}{
			{"", "", -1, "a=old b=new c=new g=old h="},
			{"b", "g", -1, "b=new c=new"},
			{"", "", 2, "a=old b=new"},
			{"e", "", -1, "g=old h="},
			{"d", "g", -1, ""},
			{"g", "b", -1, ""},
		} {
			var to []byte
			if c.to != "" {
				to = []byte(c.to)
			}
			if got := scanned(tx, []byte(c.from), to, c.limit); got != c.want {
				t.Errorf("scan %q to %q, %d: %q, want %q", c.from, c.to, c.limit, got, c.want)
			}
		}
		if tx.Get([]byte("e")) != nil || tx.Get([]byte("h")) == nil || string(tx.Get([]byte("c"))) != "new" {
			t.Error("Get does not see the overlay")
		}
		// Scans may stand inside each other, and write while they run.
		tx.Scan([]byte("a"), []byte("d"), func(key, value []byte) bool {
			tx.Set(append([]byte("z"), key...), []byte(scanned(tx, []byte("g"), nil, 1)))
			return true
		})
		return nil, nil
	})
	answer, err := s.Ask(context.Background(), 0, look(func(tx store.Reader) (any, error) { return scanned(tx, nil, nil, -1), nil }))
	if want := "a=old b=new c=new g=old h= za=g=old zb=g=old zc=g=old"; err != nil || answer != want {
		t.Errorf("committed %q (%v), want %q", answer, err, want)
	}
}

func TestPrefixEnd(t *testing.T) {
	for _, c := range []struct{ prefix, want []byte }{
		{[]byte("a"), []byte("b")}, {[]byte{1, 0xff}, []byte{2}}, {[]byte{0xff, 0xff}, nil}, {nil, nil},
	} {
		if got := store.PrefixEnd(c.prefix); !bytes.Equal(got, c.want) {
			t.Errorf("%v: %v, want %v", c.prefix, got, c.want)
		}
	}
}

// The transaction behaves like a plain map with copies to go back to, over any series of inputs and groups.
func TestTxAgainstAMap(t *testing.T) {
	s := open(t, "")
	round := 0
	rapid.Check(t, func(t *rapid.T) {
		round++
		model := map[string]string{}
		// Every check has keys of its own, below a prefix of equal length.
		prefix := fmt.Sprintf("%06d/", round)
		key := rapid.Custom(func(t *rapid.T) string {
			return prefix + rapid.StringOfN(rapid.RuneFrom([]rune("ab\x00\u00ff")), 0, 3, -1).Draw(t, "key")
		})
		for range rapid.IntRange(1, 4).Draw(t, "groups") {
			var all []store.Item
			var problems []string
			for range rapid.IntRange(1, 4).Draw(t, "inputs") {
				type op struct {
					kind, key, to, value string
					limit                int
				}
				var ops []op
				for range rapid.IntRange(0, 8).Draw(t, "ops") {
					ops = append(ops, op{
						kind: rapid.SampledFrom([]string{"set", "set", "delete", "get", "scan"}).Draw(t, "op"),
						key:  key.Draw(t, "from"), to: key.Draw(t, "to"),
						value: rapid.StringN(0, 3, -1).Draw(t, "value"), limit: rapid.IntRange(-1, 3).Draw(t, "limit"),
					})
				}
				fails, panics := rapid.Bool().Draw(t, "fails"), rapid.Bool().Draw(t, "panics")
				all = append(all, store.Item{Partition: 0, Input: act(func(tx store.Tx) (any, error) {
					before := maps.Clone(model)
					for _, o := range ops {
						switch o.kind {
						case "set":
							tx.Set([]byte(o.key), []byte(o.value))
							model[o.key] = o.value
						case "delete":
							tx.Delete([]byte(o.key))
							delete(model, o.key)
						case "get":
							got, want := tx.Get([]byte(o.key)), model[o.key]
							if _, ok := model[o.key]; ok != (got != nil) || string(got) != want {
								problems = append(problems, fmt.Sprintf("get %q: %q, want %q", o.key, got, want))
							}
						case "scan":
							if got, want := scanned(tx, []byte(o.key), []byte(o.to), o.limit), modelScan(model, o.key, o.to, o.limit); got != want {
								problems = append(problems, fmt.Sprintf("scan %q to %q, %d: %q, want %q", o.key, o.to, o.limit, got, want))
							}
						}
					}
					if fails {
						model = before
						if panics {
							panic("as the test wants")
						}
						return nil, errRefused
					}
					return nil, nil
				})})
			}
			s.DoAll(context.Background(), all) // errors are part of the game; the model knows
			if len(problems) > 0 {
				t.Fatal(strings.Join(problems, "\n"))
			}
			answer, err := s.Ask(context.Background(), 0, look(func(tx store.Reader) (any, error) {
				return scanned(tx, []byte(prefix), store.PrefixEnd([]byte(prefix)), -1), nil
			}))
			if want := modelScan(model, prefix, string(store.PrefixEnd([]byte(prefix))), -1); err != nil || answer != want {
				t.Fatalf("committed %q (%v), want %q", answer, err, want)
			}
		}
	})
}

func modelScan(model map[string]string, from, to string, limit int) string {
	var all []string
	for _, key := range slices.Sorted(maps.Keys(model)) {
		if key >= from && key < to && (limit < 0 || len(all) < limit) {
			all = append(all, key+"="+model[key])
		}
	}
	return strings.Join(all, " ")
}
