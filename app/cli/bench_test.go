//go:build unix

package cli_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
)

// benchCustomers is how many customers the events are spread over. All are known, and have an address, before anything
// is measured.
const benchCustomers = 20_000

// benchScripts is one handler that sends one message for each event. The subject carries the event's number, by which
// the line that the connector wrote is found again.
var benchScripts = map[string]string{
	"bench/journey.lua": `journey { title = "Bench", stages = { "all" }, moves = {} }`,
	"bench/all.lua": `stage { title = "All" }

on("Order Completed", function(customer)
  send "receipt"
end)
`,
	"bench/messages/receipt.email.liquid": `---
subject: 'n={{ event.properties.n }};'
kind: transactional
---
Thank you, your order {{ event.properties.order_id }} over {{ event.properties.total }} has reached us.
`,
}

// TestBench measures the whole path on this machine, and what the store alone can do with the same bytes. It prints and
// never judges: times belong to machines.
func TestBench(t *testing.T) {
	if os.Getenv("STAGECRAFT_BENCH") == "" {
		t.Skip("set STAGECRAFT_BENCH=1, or run make bench")
	}
	program := builtBinary(t)
	scripts := filepath.Join(t.TempDir(), "scripts")
	writeFiles(t, scripts, benchScripts)
	t.Logf("machine: %d cores, %s %s/%s", runtime.NumCPU(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	benchMail(t, program)
	if benchOnly("queued") {
		benchQueued(t, program)
	}
	if benchOnly("segments") {
		benchSegments(t, program)
	}
	if only := os.Getenv("STAGECRAFT_BENCH_ONLY"); strings.HasPrefix(only, "mail") || only == "queued" || only == "segments" {
		return
	}
	if benchOnly("start") {
		benchStart(t, program)
	}

	var batched, single figures
	if benchOnly("batched") {
		batched = benchPart(t, scripts, load{name: "batched", events: benchScale(400_000), batch: 100, connections: 16})
	}
	if benchOnly("single") {
		single = benchPart(t, scripts, load{name: "single", events: benchScale(120_000), batch: 1, connections: 64})
	}
	if benchOnly("paced") {
		paced := load{name: "paced singles", events: benchScale(600_000), batch: 1, connections: 64, rate: 10_000} // a minute: merges of the store are in it
		if single.taken < 11_000 {                                                                                 // more than the machine can take one by one
			paced.name, paced.batch = "paced tens", 10
		}
		benchPart(t, scripts, paced)
	}

	if batched.entries > 0 {
		alone := benchBadger(t, batched.entries, batched.bytes)
		t.Logf("%-14s %.0f events/s in groups of 512; the whole path, batched, is %.2f of that", "badger alone:", alone, batched.through/alone)
	}
	if benchOnly("simulate") {
		benchSimulate(t, program)
	}
}

// benchPart measures a load on a server and a store of its own, so that none pays for what another one left to be merged.
func benchPart(t *testing.T, scripts string, l load) figures {
	t.Helper()
	server := startServer(t, filepath.Join(t.TempDir(), "data"), scripts)
	server.live(t, "bench")
	b := &bench{t: t, server: server}
	time.Sleep(2 * time.Second) // let what only the start needed go
	b.memory("idle")
	b.meet()
	f := b.run(l)
	b.memory("after " + l.name)
	b.check()
	if err := server.stop(); err != nil {
		t.Fatal(err)
	}
	return f
}

// benchOnly reports whether a part is wanted: STAGECRAFT_BENCH_ONLY may name one, to look closely.
func benchOnly(part string) bool {
	only := os.Getenv("STAGECRAFT_BENCH_ONLY")
	return only == "" || strings.Contains(part, only)
}

// benchScale lets STAGECRAFT_BENCH name a factor, to look quickly: 0.1 is a tenth of the events.
func benchScale(events int) int {
	if factor, err := strconv.ParseFloat(os.Getenv("STAGECRAFT_BENCH"), 64); err == nil && factor > 0 {
		return max(1000, int(float64(events)*factor))
	}
	return events
}

// benchStart prints how long a start takes with an empty folder.
func benchStart(t *testing.T, program string) {
	var starts []time.Duration
	for range 5 {
		data := filepath.Join(t.TempDir(), "data")
		p, err := launchServer(program, data, filepath.Join(data, "scripts"))
		if err != nil {
			t.Fatal(err)
		}
		took, err := p.ready()
		if err == nil {
			err = p.stop()
		}
		if err != nil {
			p.kill()
			t.Fatal(err)
		}
		starts = append(starts, took)
	}
	slices.Sort(starts)
	t.Logf("%-14s %d ms until ready, median of 5 with an empty folder (%d to %d)", "start:",
		starts[2].Milliseconds(), starts[0].Milliseconds(), starts[4].Milliseconds())
}

// bench is a server under measurement.
type bench struct {
	t         *testing.T
	server    *serverProcess
	sink      *mailSink // what takes the mail; nil: it is written to the data folder
	customers int       // how many are known; 0: benchCustomers
	next      int       // the number of the next event
	sent      []int64   // when each event was due to be sent, in Unix nanoseconds
}

// mail calls take for every message that has left.
func (b *bench) mail(take func(subject string, at time.Time) error) {
	b.t.Helper()
	var err error
	if b.sink != nil {
		err = b.sink.each(take)
	} else {
		err = readMail(b.server.Data, func(line logged) error { return take(line.Subject, line.Time) })
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) metrics() map[string]float64 {
	b.t.Helper()
	samples, err := b.server.metrics()
	if err != nil {
		b.t.Fatal(err)
	}
	return samples
}

// memory prints what the server and its connector hold.
func (b *bench) memory(when string) {
	b.t.Helper()
	host, connector := residentMB(b.server.cmd.Process.Pid), residentMB(b.connector())
	b.t.Logf("%-14s %.0f MB: server %.0f (%.0f without mapped files), connector %.0f (%s)", "memory:", host+connector, host,
		anonymousMB(b.server.cmd.Process.Pid), connector, when)
}

// connector returns the process of the connector.
func (b *bench) connector() int {
	b.t.Helper()
	o, err := b.server.overview()
	if err != nil || len(o.Channels) == 0 {
		b.t.Fatal(err)
	}
	return o.Channels[0].PID
}

// residentMB returns the resident memory of a process, 0 where the system does not say. It holds pages of mapped files
// as well, which the system takes back when it needs them.
func residentMB(pid int) float64 { return statusMB(pid, "VmRSS:") }

// anonymousMB returns the resident memory that is not backed by files: what the process itself holds.
func anonymousMB(pid int) float64 { return statusMB(pid, "RssAnon:") }

func statusMB(pid int, field string) float64 { return procMB(pid, "status", field) }

// watchTogether looks every second how much memory server and connector take together, where what both have mapped of the
// program counts once (Pss), until the returned function is called. That returns the median and the highest.
func (b *bench) watchTogether() (stop func() (median, highest float64)) {
	host, connector := b.server.cmd.Process.Pid, b.connector()
	ended, seen := make(chan struct{}), make(chan []float64)
	go func() {
		var sums []float64
		ticker := time.NewTicker(time.Second)
		defer ticker.Stop()
		for {
			select {
			case <-ended:
				seen <- sums
				return
			case <-ticker.C:
				sums = append(sums, procMB(host, "smaps_rollup", "Pss:")+procMB(connector, "smaps_rollup", "Pss:"))
			}
		}
	}()
	return func() (median, highest float64) {
		close(ended)
		sums := <-seen
		if len(sums) == 0 {
			return 0, 0
		}
		slices.Sort(sums)
		return sums[len(sums)/2], sums[len(sums)-1]
	}
}

func procMB(pid int, file, field string) float64 {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, field); ok {
			kilobytes, _ := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kilobytes / 1024
		}
	}
	return 0
}

// people is how many customers there are.
func (b *bench) people() int { return max(b.customers, benchCustomers) }

// meet makes all customers known.
func (b *bench) meet() {
	b.t.Helper()
	w, err := dialWire(b.server.addr())
	if err != nil {
		b.t.Fatal(err)
	}
	defer w.close()
	for first := 0; first < b.people(); first += 1000 {
		body := []byte(`{"batch":[`)
		for i := first; i < first+1000; i++ {
			if i > first {
				body = append(body, ',')
			}
			body = fmt.Appendf(body, `{"type":"identify","messageId":"i%d","userId":"user-%d","traits":{"email":"user-%d@example.com","first_name":"Ada","plan":"basic"}}`, i, i, i)
		}
		if status, err := w.post(request("/v1/batch", append(body, "]}"...))); err != nil || status != 200 {
			b.t.Fatalf("identify: %d %v", status, err)
		}
	}
}

// load is what is sent in one measurement.
type load struct {
	name        string
	events      int
	batch       int // events in a request
	connections int
	rate        int // events a second; 0: as fast as answers come
}

// figures are what came of it.
type figures struct {
	taken   float64 // events a second that got their 200
	through float64 // events a second from the first request until every receipt was stored
	entries float64 // keys written for an event, from its arrival to its receipt
	bytes   float64 // their bytes
}

// run sends the load and waits until every message has left and every receipt is stored.
func (b *bench) run(l load) figures {
	b.t.Helper()
	before := b.metrics()
	connector := b.connector()
	connectorBefore, ownBefore := cpuSeconds(connector), cpuSeconds(os.Getpid())
	first, requests := b.next, l.events/l.batch
	began := time.Now()
	answers := b.offer(l)
	taken := time.Since(began)
	b.drain()
	through := time.Since(began)
	arrivals := b.arrivals(first)
	slices.Sort(answers)
	after := b.metrics()
	grown := func(name string) float64 { return after[name] - before[name] }
	events := float64(requests * l.batch)
	f := figures{taken: events / taken.Seconds(), through: events / through.Seconds(),
		entries: grown("stagecraft_commit_entries_total") / events, bytes: grown("stagecraft_commit_bytes_total") / events}
	b.t.Logf("%-14s %.0f events/s taken, %.0f through to the stored receipt; POST to 200 p50 %s p99 %s; POST to connector p50 %s p99 %s; "+
		"%.1f keys and %.0f bytes an event; %.0f synced commits/s of %.1f groups, %.1f inputs in a group; "+
		"%.0f us CPU an event in the server, %.0f in the connector, %.0f in what makes the load",
		l.name+":", f.taken, f.through, ms(quantile(answers, 0.5)), ms(quantile(answers, 0.99)), ms(quantile(arrivals, 0.5)),
		ms(quantile(arrivals, 0.99)), f.entries, f.bytes, grown("stagecraft_commits_total")/through.Seconds(),
		grown("stagecraft_commit_groups_total")/grown("stagecraft_commits_total"),
		grown("stagecraft_inputs_total")/grown("stagecraft_commit_groups_total"), grown("process_cpu_seconds_total")/events*1e6,
		(cpuSeconds(connector)-connectorBefore)/events*1e6, (cpuSeconds(os.Getpid())-ownBefore)/events*1e6)
	return f
}

// offer sends the load and returns how long each request was in coming back, from when it was due.
func (b *bench) offer(l load) []time.Duration {
	b.t.Helper()
	requests := l.events / l.batch
	first := b.next
	b.next += requests * l.batch
	b.sent = append(b.sent, make([]int64, requests*l.batch)...)
	answers := make([]time.Duration, requests)
	var ticket, failed atomic.Int64
	var sending sync.WaitGroup
	began := time.Now()
	for range l.connections {
		sending.Go(func() {
			w, err := dialWire(b.server.addr())
			if err != nil {
				b.t.Error(err)
				return
			}
			defer w.close()
			var body []byte
			var raw bytes.Buffer
			for {
				k := int(ticket.Add(1)) - 1
				if k >= requests {
					return
				}
				at := time.Now()
				if l.rate > 0 {
					// A request that is late counts from when it was due, or a slow server would slow its own measurement.
					at = began.Add(time.Duration(k) * time.Duration(l.batch) * time.Second / time.Duration(l.rate))
					time.Sleep(time.Until(at))
				}
				body = body[:0]
				path := "/v1/track"
				if l.batch > 1 {
					path = "/v1/batch"
					body = append(body, `{"batch":[`...)
				}
				for i := range l.batch {
					n := first + k*l.batch + i
					b.sent[n] = at.UnixNano()
					if i > 0 {
						body = append(body, ',')
					}
					body = benchEvent(body, n, b.people())
				}
				if l.batch > 1 {
					body = append(body, "]}"...)
				}
				raw.Reset()
				raw.Write(request(path, body))
				status, err := w.post(raw.Bytes())
				answers[k] = time.Since(at)
				if err != nil || status != 200 {
					if failed.Add(1) == 1 {
						b.t.Errorf("%s: %d %v", l.name, status, err)
					}
					return
				}
			}
		})
	}
	sending.Wait()
	if failed.Load() > 0 {
		b.t.FailNow()
	}
	return answers
}

// cpuSeconds returns how much of the processor a process has used, 0 where the system does not say. It is field 14 and
// 15 of proc(5)'s stat, in hundredths of a second.
func cpuSeconds(pid int) float64 {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := strings.Cut(string(text), ") ") // behind the name, which may hold anything
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.ParseFloat(fields[11], 64)
	system, _ := strconv.ParseFloat(fields[12], 64)
	return (user + system) / 100
}

func benchEvent(body []byte, n, customers int) []byte {
	number := strconv.Itoa(n)
	user := strconv.Itoa(int(uint64(n) * 7919 % uint64(customers)))
	body = append(append(body, `{"type":"track","event":"Order Completed","messageId":"m`...), number...)
	body = append(append(body, `","userId":"user-`...), user...)
	body = append(append(body, `","properties":{"n":`...), number...)
	body = append(append(body, `,"order_id":"A-`...), number...)
	return append(body, `","total":59.9,"currency":"EUR"}}`...)
}

// drain waits until the outbox is empty.
func (b *bench) drain() {
	b.t.Helper()
	pause := 50 * time.Millisecond
	if b.sink != nil { // mail takes longer, and the question costs the server several milliseconds
		pause = 250 * time.Millisecond
	}
	for deadline := time.Now().Add(5 * time.Minute); time.Now().Before(deadline); time.Sleep(pause) {
		o, err := b.server.overview()
		if err != nil {
			b.t.Fatal(err)
		}
		if decided, _, queued, _ := o.journey("bench").message("receipt"); queued == 0 && decided == int64(b.next) {
			return
		}
	}
	b.t.Fatal("the outbox did not become empty within 5 minutes")
}

// arrivals returns how long the events from first on took to the connector, sorted.
func (b *bench) arrivals(first int) []time.Duration {
	b.t.Helper()
	var list []time.Duration
	b.mail(func(subject string, at time.Time) error {
		n, err := numberIn(subject)
		if err == nil && n >= first {
			list = append(list, time.Duration(at.UnixNano()-b.sent[n]))
		}
		return err
	})
	slices.Sort(list)
	return list
}

// numberIn reads the event's number in a subject "n=12;".
func numberIn(subject string) (int, error) {
	_, rest, _ := strings.Cut(subject, "n=")
	number, _, _ := strings.Cut(rest, ";")
	return strconv.Atoi(number)
}

// check makes sure that what was measured is what was meant: every event has exactly one message.
func (b *bench) check() {
	b.t.Helper()
	count := make([]uint8, b.next)
	b.mail(func(subject string, _ time.Time) error {
		n, err := numberIn(subject)
		if err == nil {
			count[n]++
		}
		return err
	})
	for n, times := range count {
		if times != 1 {
			b.t.Fatalf("event %d has %d messages", n, times)
		}
	}
}

func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000) }

// benchBadger writes what events of that many keys and bytes leave in the store, 512 events to a synced commit, with the
// settings of app/store, and returns the events a second.
func benchBadger(t *testing.T, entries, size float64) float64 {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "badger")
	db, err := badger.Open(badger.DefaultOptions(dir).WithSyncWrites(true).WithDetectConflicts(false).
		WithValueThreshold(160).WithValueLogFileSize(64 << 20).WithCompression(options.None).WithBlockCacheSize(0).
		WithIndexCacheSize(0).WithMemTableSize(16 << 20).WithNumMemtables(3).WithNumCompactors(2).
		WithNumLevelZeroTables(8).WithNumLevelZeroTablesStall(24).WithBaseTableSize(16 << 20).
		WithBaseLevelSize(128 << 20).WithMetricsEnabled(false).WithLogger(nil))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	const keyBytes, group = 32, 512
	value := make([]byte, max(0, int(size/entries)-keyBytes))
	random := rand.NewChaCha8([32]byte{1})
	events, keys := benchScale(400_000), 0
	began := time.Now()
	for done := 0; done < events; done += group {
		txn := db.NewTransaction(true)
		for ; float64(keys) < float64(done+group)*entries; keys++ {
			key := make([]byte, keyBytes)
			random.Read(key)
			binary.BigEndian.PutUint16(key, uint16(keys%64))
			random.Read(value)
			if err := txn.Set(key, bytes.Clone(value)); err != nil {
				t.Fatal(err)
			}
		}
		if err := txn.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	return float64(events) / time.Since(began).Seconds()
}

// benchSimulate prints how long the built-in journey takes over a file of orders: the CDNOW data where
// STAGECRAFT_CDNOW names it, else as many made-up ones.
func benchSimulate(t *testing.T, program string) {
	name := os.Getenv("STAGECRAFT_CDNOW")
	if name == "" {
		name = filepath.Join(t.TempDir(), "orders.csv")
		random := rand.New(rand.NewPCG(1, 2))
		var text strings.Builder
		text.WriteString("customer_id,date,number_of_cds,dollar_value\n")
		day := time.Date(1997, 1, 1, 0, 0, 0, 0, time.UTC)
		for i := range 70_000 {
			at := day.AddDate(0, 0, i*545/70_000)
			fmt.Fprintf(&text, "%05d,%s,%d,%d.99\n", random.IntN(23_570), at.Format("2006-01-02"), 1+random.IntN(5), random.IntN(100))
		}
		if err := os.WriteFile(name, []byte(text.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	out, err := exec.Command(program, "simulate", "customer-lifecycle", "--events", name, "--map", "userId=customer_id",
		"--map", "timestamp=date", "--map", "event:=Order Completed", "--map", "properties.total=dollar_value",
		"--until", "1998-07-01").CombinedOutput()
	took := time.Since(began)
	if err != nil {
		t.Fatalf("simulate: %v\n%s", err, out)
	}
	first, _, _ := strings.Cut(string(out), "\n")
	t.Logf("%-14s %.1f s; %s", "simulate:", took.Seconds(), first)
}
