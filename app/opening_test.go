package app_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"

	"stagecraft/app"
	"stagecraft/app/lifecycle"
)

// A store that fails while the program opens it is said, and nothing else happens.
func TestAStoreThatFailsWhileItOpens(t *testing.T) {
	files := trial(`stage { title = "A" }`)
	for _, name := range []string{"second", "third", "fourth"} {
		maps.Copy(files, map[string]string{name + "/journey.lua": plan, name + "/a.lua": `stage { title = "A" }`, name + "/b.lua": `stage { title = "B" }`})
	}
	s := startServer(t, withScripts(t, files))
	for _, name := range []string{"trial", "second", "third", "fourth"} {
		s.setMode(name, lifecycle.Live)
	}
	for range 2 { // what is damaged is not in the newest file
		if err := s.stop(); err != nil {
			t.Fatal(err)
		}
		s.start()
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	damaged := 0
	values, _ := filepath.Glob(filepath.Join(s.cfg.Data, "badger", "*.vlog"))
	for _, file := range values {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for p := byte(1); p < lifecycle.Partitions; p++ {
			for at := 0; ; at++ { // what the partition has of journeys
				i := bytes.Index(data[at:], []byte{0, p, 'j', 0xff, 0xff, 0xff, 0xff})
				if i < 0 {
					break
				}
				at += i
				data[at+40] ^= 1
				damaged++
			}
		}
		if err = os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if damaged == 0 {
		t.Fatal("nothing of journeys is in the files of values")
	}
	ctx, giveUp := context.WithCancel(t.Context())
	defer giveUp()
	_, err := app.New(ctx, s.cfg, app.Options{Version: "test", Out: io.Discard, Log: slog.New(toldLate{slog.DiscardHandler, giveUp}), Plugin: []string{os.Args[0], "plugin"}})
	if lifecycle.CodeOf(err) != lifecycle.Unavailable {
		t.Fatalf("got %v", err)
	}
}

// toldLate lets the program hear of a failure of the store when it has given up opening it already.
type toldLate struct {
	slog.Handler
	giveUp func()
}

func (h toldLate) Enabled(context.Context, slog.Level) bool { return true }

func (h toldLate) Handle(_ context.Context, r slog.Record) error {
	if r.Message == "the store has failed" {
		h.giveUp()
		time.Sleep(200 * time.Millisecond)
	}
	return nil
}
