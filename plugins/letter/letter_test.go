package letter_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"stagecraft/plugins/channel"
	"stagecraft/plugins/channeltest"
	"stagecraft/plugins/letter"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "plugin" {
		channel.Serve(letter.New())
		return
	}
	os.Exit(m.Run())
}

const vietnam = `{"name":"Nguyễn Thị Ánh Tuyết","street":"Số 12, ngõ 45 đường Trần Hưng Đạo","city":"Quận Hoàn Kiếm","state":"Hà Nội","country":"VN"}`

// with are settings as JSON; more are pairs of a name and a value.
func with(folder string, more ...any) string {
	values := map[string]any{
		"folder": folder, "sender": []string{"Cửa hàng Sen Việt", "1 Lê Duẩn", "Quận 1", "Thành phố Hồ Chí Minh"}, "country": "VN",
		"zone": "Asia/Ho_Chi_Minh",
	}
	for i := 0; i < len(more); i += 2 {
		values[more[i].(string)] = more[i+1]
	}
	text, _ := json.Marshal(values)
	return string(text)
}

// post is a connector with a clock of its own.
type post struct {
	*letter.Connector
	t      testing.TB
	folder string
	clock  *atomic.Int64
}

func newPost(t testing.TB, folder, at string, more ...any) *post {
	t.Helper()
	p := &post{t: t, folder: folder, clock: &atomic.Int64{}}
	p.set(at)
	p.Connector = letter.NewAt(func() time.Time { return time.Unix(0, p.clock.Load()) })
	if err := p.Configure(t.Context(), json.RawMessage(with(folder, more...))); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// set moves the clock to a moment in Vietnam.
func (p *post) set(at string) {
	p.t.Helper()
	moment, err := time.ParseInLocation("2006-01-02 15:04", at, time.FixedZone("ICT", 7*3600))
	if err != nil {
		p.t.Fatal(err)
	}
	p.clock.Store(moment.UnixNano())
}

func message(i int) channel.Message {
	return channel.Message{ID: fmt.Sprintf("%032x", i+1), To: vietnam, Subject: "Cảm ơn", Text: fmt.Sprintf("Thư số %d.", i), Attempt: 1, Kind: "marketing"}
}

// send gives the outcomes in order.
func (p *post) send(messages ...channel.Message) []channel.Receipt {
	p.t.Helper()
	receipts := p.Send(p.t.Context(), messages)
	if len(receipts) != len(messages) {
		p.t.Fatalf("%d receipts for %d messages", len(receipts), len(messages))
	}
	return receipts
}

func (p *post) accept(messages ...channel.Message) {
	p.t.Helper()
	for i, r := range p.send(messages...) {
		if r.Outcome != channel.Accepted {
			p.t.Fatalf("message %d is %s: %s", i, r.Outcome, r.Reason)
		}
	}
}

func (p *post) closeDays() {
	p.t.Helper()
	if err := p.CloseDays(); err != nil {
		p.t.Fatal(err)
	}
}

type manifest struct {
	Day   string
	Files []struct {
		Name, SHA256 string
		Bytes, Pages int
	}
	Letters []struct {
		Number      int
		ID, File    string
		Page, Pages int
	}
	Refused    []struct{ ID, Reason string }
	Removed    int
	LeftBehind int `json:"left_behind"`
}

func (p *post) manifest(day string) manifest {
	p.t.Helper()
	text, err := os.ReadFile(filepath.Join(p.folder, day, "manifest.json"))
	if err != nil {
		p.t.Fatal(err)
	}
	var m manifest
	if err := json.Unmarshal(text, &m); err != nil {
		p.t.Fatal(err)
	}
	return m
}

// batches are the message IDs in all batches, with how often each is there.
func (p *post) batches() (days []string, ids map[string]int) {
	p.t.Helper()
	ids = map[string]int{}
	found, err := filepath.Glob(filepath.Join(p.folder, "2*"))
	if err != nil {
		p.t.Fatal(err)
	}
	for _, folder := range found {
		days = append(days, filepath.Base(folder))
		for _, l := range p.manifest(filepath.Base(folder)).Letters {
			ids[l.ID]++
		}
	}
	return days, ids
}

func (p *post) file(day, name string) []byte {
	p.t.Helper()
	content, err := os.ReadFile(filepath.Join(p.folder, day, name))
	if err != nil {
		p.t.Fatal(err)
	}
	return content
}

func TestConformance(t *testing.T) {
	folder := t.TempDir()
	refused := []string{
		`{}`, `{"folder": 7}`, `{"folders": "/x"}`, with("letters"), with(folder, "sender", []string{"One"}), with(folder, "country", "XX"),
		with(folder, "country", "vn"), with(folder, "zone", "Mars/Base"), with(folder, "cutoff", "5pm"), with(folder, "date", "today"),
		with(folder, "max_pages", 0), with(folder, "file_pages", 1), with(folder, "sender", []string{"Shop", "東京"}),
		with(folder, "sender", []string{"Shop", strings.Repeat("A very long street ", 9)}), with(folder, "footer", []string{" "}),
	}
	channeltest.Run(t, channeltest.Self(t, "plugin"), with(folder), channeltest.WithMessage(message),
		channeltest.WithRefusedSettings(refused...), channeltest.WithDelivered(func(t *testing.T, id string) int {
			// The process of the test before has ended; the journal tells what will be in the batch.
			files, err := filepath.Glob(filepath.Join(folder, ".state", "*.journal"))
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			for _, file := range files {
				content, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				n += bytes.Count(content, []byte(`"id":"`+id+`"`))
			}
			return n
		}))
}

func TestABatchADay(t *testing.T) {
	p := newPost(t, t.TempDir(), "2026-11-22 09:00", "cutoff", "17:00")
	p.accept(message(1), message(2), message(2))
	p.set("2026-11-22 16:59")
	p.accept(message(3), message(1))
	p.closeDays()
	if days, _ := p.batches(); len(days) > 0 {
		t.Fatalf("there are batches before the day is over: %v", days)
	}
	p.set("2026-11-22 17:00")
	p.accept(message(4))
	p.closeDays()
	p.closeDays()
	days, ids := p.batches()
	if fmt.Sprint(days) != "[2026-11-22]" || len(ids) != 3 {
		t.Fatalf("%v %v", days, ids)
	}
	m := p.manifest("2026-11-22")
	if m.Letters[2].Number != 3 || m.Letters[2].Page != 3 || m.Letters[2].File != "letters.pdf" || m.Files[0].Pages != 3 || len(m.Refused) > 0 {
		t.Errorf("%+v", m)
	}
	p.accept(message(1), message(2), message(3)) // they left yesterday
	p.set("2026-11-25 08:00")
	p.closeDays()
	days, ids = p.batches()
	if fmt.Sprint(days) != "[2026-11-22 2026-11-23]" || len(ids) != 4 {
		t.Fatalf("%v %v", days, ids)
	}
	for id, n := range ids {
		if n != 1 {
			t.Errorf("letter %s is in %d batches", id, n)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(p.folder, ".state", "*")); len(left) != 3 {
		t.Errorf("left over: %v", left)
	}
	if err := p.Health(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestNoLetterTwice starts again at every step of a day's end.
func TestNoLetterTwice(t *testing.T) {
	folder := t.TempDir()
	p := newPost(t, folder, "2026-11-22 09:00")
	p.accept(message(1), message(2))
	_ = p.Close()

	// Torn in the middle of a line that was never accepted.
	path := filepath.Join(folder, ".state", "2026-11-22.journal")
	journal, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(journal, `{"id":"00`...), 0o600); err != nil {
		t.Fatal(err)
	}
	p = newPost(t, folder, "2026-11-22 10:00")
	p.accept(message(2), message(3))
	p.set("2026-11-23 00:00")
	// What an end in the middle of writing left.
	if err := os.MkdirAll(filepath.Join(folder, ".state", "2026-11-22.batch", "letters.pdf"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := p.AfterMove("2026-11-22"); err != nil {
		t.Fatal(err)
	}
	_ = p.Close()

	// The batch was there, its keys were not.
	before, err := os.ReadFile(filepath.Join(folder, "2026-11-22", "letters.pdf"))
	if err != nil {
		t.Fatal(err)
	}
	p = newPost(t, folder, "2026-11-23 08:00")
	p.accept(message(1), message(4))
	p.closeDays()
	if after := p.file("2026-11-22", "letters.pdf"); !bytes.Equal(before, after) {
		t.Error("a batch that was there has changed")
	}
	_ = p.Close()

	// The print shop took the folder away, and the clock runs behind.
	if err := os.RemoveAll(filepath.Join(folder, "2026-11-22")); err != nil {
		t.Fatal(err)
	}
	p = newPost(t, folder, "2026-11-22 23:59")
	p.accept(message(1), message(2), message(3), message(4), message(5))
	p.set("2026-11-24 00:00")
	p.closeDays()
	days, ids := p.batches()
	if fmt.Sprint(days) != "[2026-11-23]" || len(ids) != 2 || ids[message(4).ID] != 1 || ids[message(5).ID] != 1 {
		t.Errorf("%v %v", days, ids)
	}
}

func TestKeysAreKeptForNinetyDays(t *testing.T) {
	folder := t.TempDir()
	p := newPost(t, folder, "2026-01-01 09:00")
	p.accept(message(1))
	p.set("2026-01-02 09:00")
	p.closeDays()
	for _, c := range []struct {
		at   string
		kept int
	}{{"2026-03-30 09:00", 1}, {"2026-04-30 09:00", 0}} {
		_ = p.Close()
		p = newPost(t, folder, c.at)
		p.accept(message(2))
		if kept, _ := filepath.Glob(filepath.Join(folder, ".state", "2026-01-01.sent")); len(kept) != c.kept {
			t.Errorf("at %s %d files of keys are left", c.at, len(kept))
		}
	}
}

func TestTwoProcessesInOneFolder(t *testing.T) {
	folder := t.TempDir()
	p := newPost(t, folder, "2026-11-22 09:00")
	p.accept(message(1))
	other := newPost(t, folder, "2026-11-22 09:00")
	if r := other.send(message(1))[0]; r.Outcome != channel.Temporary || !strings.Contains(r.Reason, "another process") {
		t.Errorf("%+v", r)
	}
	if err := other.Health(t.Context()); err == nil {
		t.Error("it says that it is well")
	}
	_ = p.Close()
	other.accept(message(1))
}

func TestReconfigured(t *testing.T) {
	folder := t.TempDir()
	p := newPost(t, folder, "2026-11-22 09:00")
	p.accept(message(1))
	if err := p.Configure(t.Context(), json.RawMessage(with(folder, "duplex", true, "file_pages", 20))); err != nil {
		t.Fatal(err)
	}
	for i := range 12 {
		p.accept(message(i))
	}
	p.set("2026-11-23 09:00")
	p.closeDays()
	m := p.manifest("2026-11-22")
	if len(m.Letters) != 12 || len(m.Files) != 3 || m.Files[1].Name != "letters-2.pdf" || m.Letters[1].Page != 3 || m.Letters[11].File != "letters-2.pdf" {
		t.Errorf("%+v", m)
	}
}

// Batches are kept for as many days as they may be; folders that are none of ours stay.
func TestBatchesAreKeptOnlySoLong(t *testing.T) {
	folder := t.TempDir()
	p := newPost(t, folder, "2026-11-20 10:00", "keep_batches", 2)
	for _, name := range []string{"2026-11-01", "notes"} {
		if err := os.Mkdir(filepath.Join(folder, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	there := func() string {
		entries, err := os.ReadDir(folder)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, entry := range entries {
			names = append(names, entry.Name())
		}
		return strings.Join(names, " ")
	}
	for day, want := range []string{"", "2026-11-20", "2026-11-20 2026-11-21", "2026-11-21 2026-11-22"} {
		p.set(fmt.Sprintf("2026-11-%d 10:00", 20+day))
		if err := p.CloseDays(); err != nil {
			t.Fatal(err)
		}
		if want = strings.Join(strings.Fields(".state 2026-11-01 "+want+" notes"), " "); there() != want {
			t.Errorf("day %d: there is %s, not %s", day, there(), want)
		}
		p.send(message(day))
	}
}
