package log_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"stagecraft/plugins/channel"
	"stagecraft/plugins/channeltest"
	"stagecraft/plugins/log"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "plugin" {
		channel.Serve(log.New())
		return
	}
	os.Exit(m.Run())
}

type line struct {
	Time    time.Time
	ID      string
	Attempt int
	To      string
	Subject string
	Text    string
	HTML    string
	Headers map[string]string
}

func read(t testing.TB, folder string) []line {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	var lines []line
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if len(data) > 0 && data[len(data)-1] != '\n' {
			t.Errorf("%s ends in the middle of a line", file)
		}
		for text := range bytes.Lines(data) {
			var l line
			if err := json.Unmarshal(text, &l); err != nil {
				t.Fatalf("%s: %q: %v", file, text, err)
			}
			lines = append(lines, l)
		}
	}
	return lines
}

func open(t testing.TB, folder string) *log.Connector {
	t.Helper()
	c := log.New()
	settings, _ := json.Marshal(map[string]string{"folder": folder})
	if err := c.Configure(context.Background(), settings); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func message(i int) channel.Message {
	return channel.Message{
		ID: fmt.Sprintf("%032x", i), To: "ada@example.com", Subject: "Hi <b>", Text: "line 1\nline 2 \u2028 \"q\"", HTML: "<p>&amp;</p>",
		Headers: map[string]string{"List-Unsubscribe": "<https://example.com/u?a=1&b=2>"}, Attempt: 2, Date: time.UnixMilli(5),
	}
}

func messages(from, n int) []channel.Message {
	out := make([]channel.Message, n)
	for i := range out {
		out[i] = message(from + i)
	}
	return out
}

func accepted(t testing.TB, receipts []channel.Receipt) {
	t.Helper()
	for _, r := range receipts {
		if r.Outcome != channel.Accepted {
			t.Fatalf("%+v", r)
		}
	}
}

func TestConformance(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "out", "box")
	settings, _ := json.Marshal(map[string]string{"folder": folder})
	channeltest.Run(t, channeltest.Self(t, "plugin"), string(settings),
		channeltest.WithRefusedSettings(`{}`, `{"folder":""}`, `{"folder":7}`, `{"folder":"x","colour":"blue"}`, `{"folder":"/dev/null/x"}`),
		channeltest.WithDelivered(func(t *testing.T, id string) int {
			n := 0
			for _, l := range read(t, folder) {
				if l.ID == id {
					n++
				}
			}
			return n
		}))
}

func TestLine(t *testing.T) {
	folder := t.TempDir()
	c := open(t, folder)
	before := time.Now()
	receipts := c.Send(t.Context(), messages(1, 2))
	accepted(t, receipts)
	got := read(t, folder)
	if len(got) != 2 || receipts[1].ID != message(2).ID {
		t.Fatalf("%+v %+v", got, receipts)
	}
	if got[0].Time.Before(before.Add(-time.Second)) || got[0].Time.After(time.Now()) || got[0].Time.Location() != time.UTC {
		t.Errorf("time %s", got[0].Time)
	}
	m := message(1)
	want := line{Time: got[0].Time, ID: m.ID, Attempt: 2, To: m.To, Subject: m.Subject, Text: m.Text, HTML: m.HTML, Headers: m.Headers}
	if diff := cmp.Diff(want, got[0]); diff != "" {
		t.Error(diff)
	}
	path := filepath.Join(folder, got[0].Time.Format("2006-01-02")+".ndjson")
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	data, _ := os.ReadFile(path)
	if !bytes.Contains(data, []byte("<p>&amp;</p>")) {
		t.Errorf("HTML is not readable: %s", data)
	}
}

func TestRepeatsAreNotWrittenAgain(t *testing.T) {
	folder := t.TempDir()
	c := open(t, folder)
	accepted(t, c.Send(t.Context(), messages(0, 10)))
	accepted(t, c.Send(t.Context(), append(messages(5, 10), message(14), channel.Message{ID: "odd"}, channel.Message{ID: "odd"})))
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	accepted(t, open(t, folder).Send(t.Context(), append(messages(0, 15), channel.Message{ID: "odd"})))
	if got := len(read(t, folder)); got != 16 {
		t.Errorf("%d lines", got)
	}
}

func TestTornLineIsRemovedAndItsMessageWrittenAgain(t *testing.T) {
	folder := t.TempDir()
	accepted(t, open(t, folder).Send(t.Context(), messages(0, 3)))
	files, _ := filepath.Glob(filepath.Join(folder, "*"))
	data, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	last := bytes.LastIndexByte(data[:len(data)-1], '\n') + 1
	for _, cut := range []int{len(data) - 1, last + 60, last + 1, last, 5, 0} {
		if err := os.WriteFile(files[0], data[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		accepted(t, open(t, folder).Send(t.Context(), messages(0, 3)))
		got := read(t, folder)
		if len(got) != 3 || got[0].ID != message(0).ID || got[2].ID != message(2).ID {
			t.Errorf("cut at %d of %d: %+v", cut, len(data), got)
		}
	}
}

func TestFileTakenAway(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "x")
	c := open(t, folder)
	accepted(t, c.Send(t.Context(), messages(0, 1)))
	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
	accepted(t, c.Send(t.Context(), messages(1, 1)))
	if got := read(t, folder); len(got) != 1 || got[0].ID != message(1).ID {
		t.Errorf("%+v", got)
	}
}

func TestFailedWriteIsTemporaryAndRetried(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "x")
	c := open(t, folder)
	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(folder, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, r := range c.Send(t.Context(), messages(0, 2)) {
		if r.Outcome != channel.Temporary || r.Reason == "" {
			t.Errorf("%+v", r)
		}
	}
	if c.Health(t.Context()) == nil {
		t.Error("healthy")
	}
	if err := os.Remove(folder); err != nil {
		t.Fatal(err)
	}
	accepted(t, c.Send(t.Context(), messages(0, 2)))
	if got := read(t, folder); len(got) != 2 || c.Health(t.Context()) != nil {
		t.Errorf("%+v %v", got, c.Health(t.Context()))
	}
}

// TestManyFiles puts more into old files than is recalled: the newest messages must still be known.
func TestManyFiles(t *testing.T) {
	folder := t.TempDir()
	write := func(day string, from, n, size int) {
		var b bytes.Buffer
		for i := range n {
			fmt.Fprintf(&b, `{"time":"%sT00:00:00Z","id":"%032x","attempt":1,"to":"","subject":"","text":"%s","html":"","headers":null}`+"\n",
				day, from+i, strings.Repeat("x", size))
		}
		if err := os.WriteFile(filepath.Join(folder, day+".ndjson"), b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("2020-01-01", 0, 10, 10)
	write("2020-01-02", 100, 60, 1<<20) // 60 MB, of which the end is read
	write("2020-01-03", 200, 10, 10)
	if err := os.WriteFile(filepath.Join(folder, "notes.txt"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := open(t, folder)
	before := len(read(t, folder))
	accepted(t, c.Send(t.Context(), append(messages(150, 10), messages(200, 10)...)))
	if got := len(read(t, folder)); got != before {
		t.Errorf("%d messages of the newest files were written again", got-before)
	}
}

func TestRemembersEnough(t *testing.T) {
	folder := t.TempDir()
	c := open(t, folder)
	const n = 250_000
	batch := make([]channel.Message, 1000)
	for at := 0; at < n; at += len(batch) {
		for i := range batch {
			batch[i] = channel.Message{ID: fmt.Sprintf("%032x", at+i)}
		}
		accepted(t, c.Send(t.Context(), batch))
	}
	files, _ := filepath.Glob(filepath.Join(folder, "*"))
	size := func() (total int64) {
		for _, file := range files {
			info, err := os.Stat(file)
			if err != nil {
				t.Fatal(err)
			}
			total += info.Size()
		}
		return total
	}
	before := size()
	for at := n - 100_000; at < n; at += len(batch) {
		for i := range batch {
			batch[i] = channel.Message{ID: fmt.Sprintf("%032x", at+i)}
		}
		accepted(t, c.Send(t.Context(), batch))
	}
	if size() != before {
		t.Error("one of the last 100,000 was written again")
	}
}

// FuzzRecall starts on whatever a file may hold; what is then written must be readable behind it.
func FuzzRecall(f *testing.F) {
	f.Add([]byte("{\"time\":\"2020-01-01T00:00:00Z\",\"id\":\"a\\\"b\",\"attempt\":1}\n"))
	f.Add([]byte("{\"time\":\"2020-01-01T00:00:00Z\",\"id\":\"abc"))
	f.Add([]byte("\n\n\x00,\"id\":\"\\"))
	f.Add([]byte("{\"time\":\",\"id\":\""))
	f.Fuzz(func(t *testing.T, data []byte) {
		folder := t.TempDir()
		path := filepath.Join(folder, time.Now().UTC().Format("2006-01-02")+".ndjson")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		c := open(t, folder)
		accepted(t, c.Send(t.Context(), []channel.Message{{ID: "ffffffffffffffffffffffffffffff01"}}))
		after, err := os.ReadFile(path)
		if err != nil {
			t.Skip("midnight passed")
		}
		whole := data[:bytes.LastIndexByte(data, '\n')+1]
		if !bytes.HasPrefix(after, whole) {
			t.Errorf("whole lines were lost: %q became %q", data, after)
		}
		if bytes.Contains(whole, []byte("ffffffffffffffffffffffffffffff01")) {
			return
		}
		var l line
		if err := json.Unmarshal(after[len(whole):], &l); err != nil || l.ID != "ffffffffffffffffffffffffffffff01" {
			t.Errorf("%q: %v", after[len(whole):], err)
		}
	})
}

func BenchmarkSend(b *testing.B) {
	c := open(b, b.TempDir())
	n := 0
	for b.Loop() {
		accepted(b, c.Send(b.Context(), messages(n, 100)))
		n += 100
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "messages/s")
}
