//go:build unix

package cli_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// benchQueued measures what a million queued mails that are paused cost: the engine, which goes on taking events,
// and the machine, while nothing happens; how soon a pause and its end are felt; and how soon one message that is asked for
// now leaves before all of them.
func benchQueued(t *testing.T, program string) {
	scripts := filepath.Join(t.TempDir(), "scripts")
	marketing := map[string]string{}
	for path, text := range benchScripts {
		marketing[path] = text
	}
	marketing["bench/messages/receipt.email.liquid"] = "---\nsubject: 'n={{ event.properties.n }};'\nkind: marketing\n---\nHello\n"
	marketing["bench/messages/now.email.liquid"] = "---\nsubject: now\nkind: transactional\n---\nYour code is {{ event.properties.code }}.\n"
	writeFiles(t, scripts, marketing)
	server := startServer(t, filepath.Join(t.TempDir(), "data"), scripts)
	sink := startMailSink(t)
	if err := server.call("PUT", "/api/channels/email", map[string]any{"connector": "email", "settings": sink.settings()}, nil); err != nil {
		t.Fatal(err)
	}
	server.live(t, "bench")
	b := &bench{t: t, server: server, sink: sink}
	b.meet()
	order := func(what string) {
		t.Helper()
		if err := server.call("POST", "/api/orders/"+what, map[string]any{"journey": "bench", "name": "receipt", "by": "bench", "why": "to measure"}, nil); err != nil {
			t.Fatal(err)
		}
	}
	counts := func() (decided, accepted int64) {
		t.Helper()
		o, err := server.overview()
		if err != nil {
			t.Fatal(err)
		}
		decided, accepted, _, _ = o.journey("bench").message("receipt")
		return decided, accepted
	}
	order("pause")
	part := func(events int) float64 {
		began := time.Now()
		b.offer(load{events: events, batch: 100, connections: 16})
		return float64(events) / time.Since(began).Seconds()
	}
	tenth := max(benchScale(1_000_000)/10/100*100, 1000)
	first := part(tenth)
	part(8 * tenth)
	last := part(tenth)
	t.Logf("%-14s %d messages: the first tenth at %.0f events/s, the last at %.0f: %.2f of it", "queued:", 10*tenth, first, last, last/first)
	b.memory("all queued")

	time.Sleep(2 * time.Second) // what the load left to be done
	busy := b.metrics()["process_cpu_seconds_total"]
	time.Sleep(5 * time.Second)
	t.Logf("%-14s %.1f %% of a processor while they wait", "", (b.metrics()["process_cpu_seconds_total"]-busy)/5*100)

	if decided, accepted := counts(); decided != int64(10*tenth) || accepted != 0 {
		t.Fatalf("%d messages were decided and %d have left, though they are paused", decided, accepted)
	}
	began := time.Now()
	order("resume")
	answered := time.Since(began)
	for _, accepted := counts(); accepted == 0; _, accepted = counts() {
		time.Sleep(10 * time.Millisecond)
	}
	t.Logf("%-14s they leave %d ms after they are let go (answered after %d ms)", "", time.Since(began).Milliseconds(), answered.Milliseconds())
	time.Sleep(2 * time.Second)
	const leaving = 10 * time.Second
	_, before := counts()
	time.Sleep(leaving)
	_, after := counts()
	t.Logf("%-14s %.0f mails/s leave over SMTP", "", float64(after-before)/leaving.Seconds())

	// While they leave as fast as they can, one overtakes them.
	var asked struct {
		Ref, State string
	}
	began = time.Now()
	if err := server.call("POST", "/v1/send", map[string]any{"userId": "user-1", "message": "bench/now", "properties": map[string]any{"code": "1234"}}, &asked); err != nil {
		t.Fatal(err)
	}
	for asked.State == "queued" {
		time.Sleep(10 * time.Millisecond)
		if err := server.call("GET", "/v1/messages/"+asked.Ref, nil, &asked); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%-14s one that is asked for now is %s after %d ms", "", asked.State, time.Since(began).Milliseconds())

	began = time.Now()
	order("pause")
	answered = time.Since(began)
	time.Sleep(max(0, time.Second-answered))
	_, then := counts()
	time.Sleep(2 * time.Second)
	decided, now := counts()
	t.Logf("%-14s a second after the pause (answered after %d ms) %d of %d have left; in the two seconds after that %d more", "",
		answered.Milliseconds(), then, decided, now-then)
	if err := server.stop(); err != nil {
		t.Fatal(err)
	}
	_ = os.RemoveAll(server.Data)
}
