package letter_test

import (
	"bytes"
	"compress/zlib"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"stagecraft/plugins/channel"
	"stagecraft/plugins/letter"
)

// shown is a text on a page, with its beginning in millimetres from the upper left corner.
type shown struct {
	x, y float64
	font string // as the PDF names it, with the size
	text string
}

var (
	streams = regexp.MustCompile(`(?s)/Filter /FlateDecode /Length (\d+)>>\nstream\n`)
	texts   = regexp.MustCompile(`(?s)BT (\S+) (\S+) Td \(((?:[^\\()]|\\.)*)\) Tj ET|BT (/F\S+ \S+) Tf ET`)
	escaped = regexp.MustCompile(`(?s)\\(.)`)
)

// pages reads a PDF that this connector wrote: its pages' streams hold the texts in UTF-16.
func pages(t testing.TB, pdf []byte) [][]shown {
	t.Helper()
	var out [][]shown
	for _, at := range streams.FindAllSubmatchIndex(pdf, -1) {
		length, err := strconv.Atoi(string(pdf[at[2]:at[3]]))
		if err != nil {
			t.Fatal(err)
		}
		reader, err := zlib.NewReader(bytes.NewReader(pdf[at[1] : at[1]+length]))
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(reader)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(content, []byte(" Tf ET")) && !bytes.HasPrefix(content, []byte("0 J")) {
			continue // a font
		}
		page, font := []shown{}, ""
		for _, m := range texts.FindAllSubmatch(content, -1) {
			if len(m[4]) > 0 {
				font = string(m[4])
				continue
			}
			x, _ := strconv.ParseFloat(string(m[1]), 64)
			y, _ := strconv.ParseFloat(string(m[2]), 64)
			raw := escaped.ReplaceAllFunc(m[3], func(s []byte) []byte {
				if s[1] == 'r' {
					return []byte("\r")
				}
				return s[1:]
			})
			var units []uint16
			for i := 0; i+1 < len(raw); i += 2 {
				units = append(units, uint16(raw[i])<<8|uint16(raw[i+1]))
			}
			page = append(page, shown{x * 25.4 / 72, 297 - y*25.4/72, font, string(utf16.Decode(units))})
		}
		out = append(out, page)
	}
	return out
}

// find is where a text stands.
func find(t testing.TB, page []shown, text string) shown {
	t.Helper()
	for _, s := range page {
		if s.text == text {
			return s
		}
	}
	t.Fatalf("%q does not stand on the page: %v", text, page)
	return shown{}
}

func near(t testing.TB, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 0.2 {
		t.Errorf("%s is at %.2f mm, not at %.2f", what, got, want)
	}
}

// printed is a batch of one letter.
func printed(t testing.TB, m channel.Message, more ...any) (*post, []byte) {
	t.Helper()
	p := newPost(t, t.TempDir(), "2026-11-22 09:00", more...)
	p.accept(m)
	p.set("2026-11-23 09:00")
	p.closeDays()
	return p, p.file("2026-11-22", "letters.pdf")
}

const long = `# Chào mừng chị Tuyết

Cảm ơn chị đã **mua hàng** lần đầu tiên ở cửa hàng *Sen Việt*. Đây là lá thư tay từ chúng tôi; nếu cần gì, xin gọi số
in ở cuối thư.

## Ưu đãi

- Giảm **10 %** cho đơn hàng tới, tức là khoảng 50.000 ₫
- Miễn phí giao hàng trong nội thành
  - cả cuối tuần
1. Mở [trang của chúng tôi](https://sen.example/uu-dai)
2. Nhập mã SEN\*2026

---

Trân trọng,\
Nguyễn Văn Bình
`

func TestThePage(t *testing.T) {
	m := message(1)
	m.Subject, m.Text = "Đơn hàng đầu tiên của chị", long
	_, pdf := printed(t, m, "date", "31/12/2026", "footer", []string{"Sen Việt · MST 0101234567", "Điện thoại 1900 0000"})
	all := pages(t, pdf)
	if len(all) != 1 {
		t.Fatalf("%d pages", len(all))
	}
	page := all[0]

	// DIN 5008 form B: the address zone from 62.7 to 90 mm, 25 mm from the left; the sender in the window above it.
	lines := []string{"Nguyễn Thị Ánh Tuyết", "Số 12, ngõ 45 đường Trần Hưng Đạo", "Quận Hoàn Kiếm", "Hà Nội"}
	for i, line := range lines {
		at := find(t, page, line)
		near(t, line, at.x, 25)
		near(t, line+"'s baseline", at.y, 62.7+float64(i)*4.55+10.5*25.4/72)
		if at.y > 90 {
			t.Errorf("%s lies below the window", line)
		}
	}
	back := find(t, page, "Cửa hàng Sen Việt · 1 Lê Duẩn · Quận 1 · Thành phố Hồ Chí Minh")
	near(t, "the sender in the window", back.x, 25)
	if back.y < 45 || back.y > 50 {
		t.Errorf("the sender in the window is at %.1f mm", back.y)
	}
	if date := find(t, page, "22/11/2026"); date.y > 98 || date.x < 150 {
		t.Errorf("the date: %+v", date)
	}
	subject := find(t, page, "Đơn hàng đầu tiên của chị")
	near(t, "the subject", subject.x, 25)
	if subject.y < 98.46 || subject.y > 104 {
		t.Errorf("the subject is at %.1f mm", subject.y)
	}
	if mark := bytes.Count(inflated(t, pdf), []byte(" l S")); mark < 4 {
		t.Errorf("%d lines: two fold marks, one for holes, one under the sender, a rule", mark)
	}
	if bold := find(t, page, "mua hàng"); bold.font == find(t, page, "Sen Việt").font {
		t.Error("bold and italic are one font")
	}
	near(t, "a list", find(t, page, "Miễn phí giao hàng trong nội thành").x, 31)
	near(t, "a list in it", find(t, page, "cả cuối tuần").x, 37)
	find(t, page, "2.")
	find(t, page, "Nhập mã SEN*2026")
	find(t, page, "Mở trang của chúng tôi (https://sen.example/uu-dai)")
	find(t, page, "Trân trọng,")
	near(t, "the foot", find(t, page, "Điện thoại 1900 0000").y, 287)
	for _, s := range page {
		if s.x < 20 || s.y > 288 {
			t.Errorf("%q stands at %.1f, %.1f", s.text, s.x, s.y)
		}
		if strings.Contains(s.text, " / ") {
			t.Errorf("one page has the number %q", s.text)
		}
	}
}

// inflated is a PDF with its streams readable.
func inflated(t testing.TB, pdf []byte) []byte {
	t.Helper()
	var out []byte
	for _, at := range streams.FindAllSubmatchIndex(pdf, -1) {
		if reader, err := zlib.NewReader(bytes.NewReader(pdf[at[1]:])); err == nil {
			content, _ := io.ReadAll(reader)
			out = append(out, content...)
		}
	}
	return out
}

func TestSeveralPages(t *testing.T) {
	m := message(1)
	var text strings.Builder
	for i := range 45 {
		fmt.Fprintf(&text, "Đoạn %d: %s\n\n", i, strings.Repeat("hàng hoá ", 12))
	}
	m.Text = text.String()
	_, pdf := printed(t, m, "duplex", true)
	all := pages(t, pdf)
	if len(all) != 4 {
		t.Fatalf("%d pages; there are three and an empty one", len(all))
	}
	for i, page := range all[:3] {
		number := find(t, page, fmt.Sprintf("%d / 3", i+1))
		if number.y < 275 || number.x < 170 {
			t.Errorf("%+v", number)
		}
		if i > 0 && page[0].y > 30 {
			t.Errorf("page %d begins at %.1f mm", i+1, page[0].y)
		}
	}
	if len(all[3]) > 0 {
		t.Errorf("%v stands on the back of the last page", all[3])
	}
	joined := ""
	for _, page := range all {
		for _, s := range page {
			joined += s.text + "\n"
		}
	}
	for i := range 45 {
		if !strings.Contains(joined, fmt.Sprintf("Đoạn %d:", i)) {
			t.Errorf("paragraph %d is missing", i)
		}
	}
}

// TestOthersCanReadIt asks the reader that most people have.
func TestOthersCanReadIt(t *testing.T) {
	reader, err := exec.LookPath("pdftotext")
	if err != nil {
		t.Skip("pdftotext is not installed")
	}
	m := message(1)
	m.Text = long
	p, _ := printed(t, m)
	text, err := exec.Command(reader, "-layout", filepath.Join(p.folder, "2026-11-22", "letters.pdf"), "-").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	for _, want := range []string{"Nguyễn Thị Ánh Tuyết", "Chào mừng chị Tuyết", "50.000 ₫", "Trân trọng,"} {
		if !bytes.Contains(text, []byte(want)) {
			t.Errorf("%q is not in %s", want, text)
		}
	}
}

// BenchmarkBatch is a day of letters with one page each.
func BenchmarkBatch(b *testing.B) {
	p := newPost(b, b.TempDir(), "2026-11-22 09:00")
	at, messages, began := 0, make([]channel.Message, 100), time.Now()
	for b.Loop() {
		for i := range messages {
			messages[i] = message(at)
			messages[i].Text = long
			at++
		}
		p.accept(messages...)
	}
	accepted := time.Now()
	p.set("2026-11-23 09:00")
	p.closeDays()
	info, err := os.Stat(filepath.Join(p.folder, "2026-11-22", "letters.pdf"))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(at)/accepted.Sub(began).Seconds(), "letters/s")
	b.ReportMetric(float64(at)/time.Since(accepted).Seconds(), "printed/s")
	b.ReportMetric(float64(info.Size())/float64(at), "bytes/letter")
}

// Settings are given as the console gives them.
func TestTheSchemaHasDefaults(t *testing.T) {
	var schema struct {
		Properties map[string]struct {
			Title, Description string
		}
	}
	if err := json.Unmarshal(letter.New().Describe().Schema, &schema); err != nil {
		t.Fatal(err)
	}
	for name, p := range schema.Properties {
		if p.Title == "" || p.Description == "" {
			t.Errorf("%s has no title or description", name)
		}
	}
}
