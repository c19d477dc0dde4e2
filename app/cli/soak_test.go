//go:build unix

package cli_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// soakSample is what the server held at a moment.
type soakSample struct {
	at                                                    time.Duration
	server, anonymous, connector, heap, lives, goroutines float64
}

// TestSoak keeps a steady load on the server for as long as STAGECRAFT_SOAK says and prints what becomes of its memory
// and goroutines. It judges only what must be true at any speed: every event is taken, and has one message in the end.
// A message takes about 3 KB of disk.
func TestSoak(t *testing.T) {
	text := os.Getenv("STAGECRAFT_SOAK")
	if text == "" {
		t.Skip("set STAGECRAFT_SOAK=10m, or run make soak")
	}
	length, err := time.ParseDuration(text)
	if err != nil || length < 30*time.Second {
		t.Fatalf("STAGECRAFT_SOAK must be a time of at least 30s, not %q", text)
	}
	rate := 3000
	if text := os.Getenv("STAGECRAFT_SOAK_RATE"); text != "" {
		if rate, err = strconv.Atoi(text); err != nil || rate < 10 {
			t.Fatalf("STAGECRAFT_SOAK_RATE must be a number of events in a second, not %q", text)
		}
	}
	scripts, data := filepath.Join(t.TempDir(), "scripts"), filepath.Join(t.TempDir(), "data")
	writeFiles(t, scripts, benchScripts)
	server := startServer(t, data, scripts)
	server.live(t, "bench")
	b := &bench{t: t, server: server}
	b.meet()

	var samples []soakSample
	began, over, sampled := time.Now(), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(sampled)
		tick := time.NewTicker(max(time.Second, min(10*time.Second, length/12)))
		defer tick.Stop()
		for {
			select {
			case <-over:
				return
			case <-tick.C:
				if sample, err := server.soakSample(); err == nil {
					sample.at = time.Since(began)
					samples = append(samples, sample)
				}
			}
		}
	}()
	b.run(load{name: "soak", events: rate * int(length.Seconds()), batch: 10, connections: 16, rate: rate})
	close(over)
	<-sampled
	b.check()
	if err := server.stop(); err != nil {
		t.Error(err)
	}
	if len(samples) < 6 {
		t.Fatalf("only %d samples could be taken", len(samples))
	}
	soakPrint(t, samples, "server MB", func(s soakSample) float64 { return s.server })
	soakPrint(t, samples, "without mapped", func(s soakSample) float64 { return s.anonymous })
	soakPrint(t, samples, "connector MB", func(s soakSample) float64 { return s.connector })
	soakPrint(t, samples, "heap MB", func(s soakSample) float64 { return s.heap })
	soakPrint(t, samples, "of it lives", func(s soakSample) float64 { return s.lives })
	soakPrint(t, samples, "goroutines", func(s soakSample) float64 { return s.goroutines })
}

func (p *serverProcess) soakSample() (soakSample, error) {
	metrics, err := p.metrics()
	if err != nil {
		return soakSample{}, err
	}
	o, err := p.overview()
	if err == nil && len(o.Channels) == 0 {
		err = fmt.Errorf("no channel is shown")
	}
	if err != nil {
		return soakSample{}, err
	}
	return soakSample{
		server: residentMB(p.cmd.Process.Pid), anonymous: anonymousMB(p.cmd.Process.Pid), connector: residentMB(o.Channels[0].PID),
		heap: metrics["go_memstats_heap_inuse_bytes"] / (1 << 20), goroutines: metrics["go_goroutines"],
		// What the last collection left, with stacks: the next one begins when it has grown by so much.
		lives: metrics["go_memstats_next_gc_bytes"] / (1 + metrics["go_gc_gogc_percent"]/100) / (1 << 20),
	}, nil
}

// soakPrint prints the means of the first and the last third of a series and the slope of the line through the second
// half, when the start is over.
func soakPrint(t *testing.T, samples []soakSample, name string, value func(soakSample) float64) {
	t.Helper()
	mean := func(part []soakSample, of func(soakSample) float64) float64 {
		sum := 0.0
		for _, s := range part {
			sum += of(s)
		}
		return sum / float64(len(part))
	}
	third := len(samples) / 3
	late := samples[len(samples)/2:]
	hours := func(s soakSample) float64 { return s.at.Hours() }
	x, y := mean(late, hours), mean(late, value)
	var over, under float64
	for _, s := range late {
		over += (hours(s) - x) * (value(s) - y)
		under += (hours(s) - x) * (hours(s) - x)
	}
	highest := 0.0
	for _, s := range samples {
		highest = max(highest, value(s))
	}
	t.Logf("%-14s first third %.0f, last third %.0f, highest %.0f; in the second half %+.0f an hour (%d samples)",
		name+":", mean(samples[:third], value), mean(samples[len(samples)-third:], value), highest, over/under, len(samples))
}
