package letter

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// What lies in the folder of a day.
const (
	tableName    = "addresses.csv"
	manifestName = "manifest.json"
)

// manifest says what a batch is, for the print shop to check that it has all of it.
type manifest struct {
	Format   int             `json:"format"` // 1
	Day      string          `json:"day"`
	Zone     string          `json:"zone"`
	Duplex   bool            `json:"duplex"`
	Files    []manifestFile  `json:"files"`
	Letters  []manifestEntry `json:"letters"`
	Refused  []refusal       `json:"refused,omitempty"`     // could not be printed with the settings as they are now
	Behind   int             `json:"left_behind,omitempty"` // letters that were not released in time; they wait for the next batch
	Removed  int             `json:"removed,omitempty"`     // letters that were taken out since: their addressees were erased
	Finished time.Time       `json:"finished"`
}

type manifestFile struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"`
	Bytes  int64  `json:"bytes"`
	Pages  int    `json:"pages,omitempty"` // with empty ones
}

type manifestEntry struct {
	Number int       `json:"number"` // from 1, over all files
	ID     string    `json:"id"`     // of the message
	File   string    `json:"file"`
	Page   int       `json:"page"` // the first one in the file, from 1
	Pages  int       `json:"pages"`
	At     time.Time `json:"at"` // when it was accepted
}

type refusal struct {
	ID     string `json:"id"`
	Reason string `json:"reason"`
}

var errStopped = errors.New("stopped")

// closeDays writes the batch of every day that is over and waits for nothing any more.
func (o *office) closeDays() error {
	o.closing.Lock()
	defer o.closing.Unlock()
	today := o.settings.dayOf(o.now())
	days, err := daysIn(o.state, journalEnd)
	for _, day := range days {
		if day >= today || err != nil {
			break
		}
		var ready bool
		if ready, err = o.beginWriting(day); ready {
			err = o.closeDay(day)
			o.endWriting(err != nil)
		}
	}
	if errors.Is(err, errStopped) {
		return err
	}
	o.mu.Lock() // batches are changed by one at a time
	defer o.mu.Unlock()
	if err != nil {
		err = fmt.Errorf("a batch cannot be written: %w", err)
	} else if err = o.dropBatches(today); err != nil {
		err = fmt.Errorf("a batch that was kept long enough cannot be deleted: %w", err)
	}
	o.failed = err
	return err
}

// dropBatches deletes the batches that were kept long enough. A folder without a manifest is none of ours.
func (o *office) dropBatches(today string) error {
	if o.settings.Keep == 0 {
		return nil
	}
	days, err := daysIn(o.settings.Folder, "")
	oldest := dateOf(today).AddDate(0, 0, -o.settings.Keep).Format(dayLayout)
	for _, day := range days {
		folder := filepath.Join(o.settings.Folder, day)
		if day >= oldest || err != nil {
			break
		}
		if _, missing := os.Stat(filepath.Join(folder, manifestName)); missing == nil {
			err = os.RemoveAll(folder)
		}
	}
	return err
}

// beginClosing lets no more letters into a day. Called with mu.
func (o *office) beginClosing(day string) error {
	if err := o.open(); err != nil {
		return err
	}
	if o.journal != nil && o.journal.day == day {
		_ = o.journal.file.Close()
		o.journal = nil
	}
	o.floor = max(o.floor, dayAfter(day))
	return nil
}

// beginWriting lets nothing of a day be withdrawn any more, if all of it was released or there has been time enough for that.
// What was not released is left behind.
func (o *office) beginWriting(day string) (bool, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.hold(day); err != nil {
		return false, err
	}
	keys, enough := o.missing(day)
	if !enough {
		return false, nil
	}
	if len(keys) > 0 {
		if err := o.leaveBehind(day, keys); err != nil {
			return false, err
		}
	}
	o.writing = day
	return true, readJournal(filepath.Join(o.state, day+journalEnd), func(l *letter) error {
		if k := keyOf(l.ID); o.seen[k] == waiting {
			o.seen[k] = printed
		}
		return nil
	})
}

func (o *office) endWriting(failed bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.writing = ""; failed {
		o.forget() // none of it is printed; it can be withdrawn again
	}
}

// closeDay writes the batch of a day under another name, moves it to its place, keeps the keys, and removes the journal.
// After a crash in between it goes on where it was.
func (o *office) closeDay(day string) error {
	source, folder := filepath.Join(o.state, day+journalEnd), filepath.Join(o.settings.Folder, day)
	if _, err := os.Stat(filepath.Join(folder, manifestName)); errors.Is(err, os.ErrNotExist) {
		if err := o.makeBatch(day, source, folder); err != nil {
			return err
		}
	} else if err != nil {
		return err
	}
	var keys bytes.Buffer
	var done []key
	if err := readJournal(source, func(l *letter) error {
		k := keyOf(l.ID)
		done = append(done, k)
		keys.WriteString(hex.EncodeToString(k[:]) + "\n")
		return nil
	}); err != nil {
		return err
	}
	// Whoever opens the folder meanwhile must find the keys in one file or the other.
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := writeDurably(filepath.Join(o.state, day+sentEnd), keys.Bytes()); err != nil {
		return err
	}
	if err := os.Remove(source); err != nil {
		return err
	}
	for _, k := range done {
		delete(o.released, k)
	}
	delete(o.held.days, day)
	o.held.drop(func(h *held) bool { return h.day == day })
	return syncFolder(o.state)
}

func (o *office) makeBatch(day, source, folder string) error {
	temporary := filepath.Join(o.state, day+batchEnd)
	if err := os.RemoveAll(temporary); err != nil {
		return err
	}
	if err := os.Mkdir(temporary, 0o700); err != nil {
		return err
	}
	composer, err := newComposer(o.settings)
	if err != nil {
		return err
	}
	b := &batch{composer: composer, folder: temporary, date: dateOf(day)}
	b.manifest = manifest{Format: 1, Day: day, Zone: o.settings.Zone, Duplex: o.settings.Duplex}
	b.begin()
	err = readJournal(source, func(l *letter) error {
		select {
		case <-o.stop:
			return errStopped
		default:
			return b.add(l)
		}
	})
	if err == nil {
		b.manifest.Behind, err = o.countBehind(day)
	}
	if err == nil {
		err = b.finish(o.now().UTC())
	}
	if err != nil || len(b.manifest.Letters)+len(b.manifest.Refused) == 0 {
		return errors.Join(err, os.RemoveAll(temporary))
	}
	if err := os.Rename(temporary, folder); err != nil {
		return err
	}
	if n := len(b.manifest.Refused); n > 0 {
		err = fmt.Errorf("%d letters of %s could not be printed; %s says why", n, day, filepath.Join(folder, manifestName))
	}
	o.mu.Lock()
	o.refused = err
	o.mu.Unlock()
	return syncFolder(o.settings.Folder)
}

// batch is one under way.
type batch struct {
	*composer
	folder   string
	date     time.Time
	manifest manifest
	drawing  *drawing // nil while the file that comes next is empty
	rows     bytes.Buffer
}

// bom makes spreadsheets read a table as UTF-8.
const bom = "\uFEFF"

func (b *batch) begin() {
	b.rows.WriteString(bom + "number,") // strict readers take the mark for text, behind which no quote may stand
	writeRow(&b.rows, []string{"id", "file", "page", "pages", "name", "company", "street", "postal_code", "city", "state", "country", "kind"})
}

// fileName is that of the PDF that is drawn now.
func (b *batch) fileName() string {
	if n := len(b.manifest.Files); n > 0 {
		return fmt.Sprintf("letters-%d.pdf", n+1)
	}
	return "letters.pdf"
}

func (b *batch) add(l *letter) error {
	if code, err := countryCode(l.Address.Country); err == nil { // accepted before names were understood
		l.Address.Country = code
	}
	pages, err := b.compose(l, b.date, maxPrinted)
	if err != nil {
		b.manifest.Refused = append(b.manifest.Refused, refusal{l.ID, err.Error()})
		return nil
	}
	if b.drawing != nil && b.drawing.pages+len(pages) > b.settings.FilePages {
		if err := b.endFile(); err != nil {
			return err
		}
	}
	if b.drawing == nil {
		b.drawing = newDrawing(b.fonts, "Letters of "+b.manifest.Day, b.date)
	}
	entry := manifestEntry{
		Number: len(b.manifest.Letters) + 1, ID: l.ID, File: b.fileName(), Page: b.drawing.pages + 1, Pages: len(pages), At: l.At,
	}
	b.manifest.Letters = append(b.manifest.Letters, entry)
	b.drawing.add(pages)
	if b.settings.Duplex && len(pages)%2 == 1 {
		b.drawing.blank()
	}
	a := l.Address
	writeRow(&b.rows, []string{
		strconv.Itoa(entry.Number), safe(entry.ID), entry.File, strconv.Itoa(entry.Page), strconv.Itoa(entry.Pages), safe(a.Name), safe(a.Company),
		safe(strings.ReplaceAll(a.Street, "\n", ", ")), safe(a.PostalCode), safe(a.City), safe(a.State), safe(regionName(a.Country)), safe(l.Kind),
	})
	return nil
}

// maxPrinted are the pages of a letter that was accepted: settings that were changed since must not keep it back.
const maxPrinted = 1000

// safe keeps a spreadsheet from taking what a customer typed for a formula: such a cell gets an apostrophe in front, as
// OWASP's "CSV Injection" recommends. So does what follows a semicolon, a tab or a line end, by which some spreadsheets separate
// cells: to them a quote may mean nothing, or begin one.
func safe(cell string) string {
	var out strings.Builder
	begins := true
	for _, r := range cell {
		if begins && strings.ContainsRune("=+-@\t\r\n＝＋－＠", r) {
			out.WriteByte('\'')
		}
		out.WriteRune(r)
		begins = strings.ContainsRune(";\t\r\n", r) || begins && (r == '"' || r == '\'')
	}
	return out.String()
}

// writeRow appends a row of RFC 4180 with every cell in quotes, for spreadsheets that separate cells by other signs, too.
func writeRow(out *bytes.Buffer, cells []string) {
	for i, cell := range cells {
		if i > 0 {
			out.WriteByte(',')
		}
		out.WriteString(`"` + strings.ReplaceAll(cell, `"`, `""`) + `"`)
	}
	out.WriteString("\r\n")
}

func (b *batch) endFile() error {
	name, pages := b.fileName(), b.drawing.pages
	err := b.file(name, pages, b.drawing.write)
	b.drawing = nil
	return err
}

// file writes one of the batch's files durably.
func (b *batch) file(name string, pages int, write func(io.Writer) error) error {
	file, err := os.OpenFile(filepath.Join(b.folder, name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	sum := sha256.New()
	err = write(io.MultiWriter(file, sum))
	info, statErr := file.Stat()
	if err = errors.Join(err, statErr, file.Sync(), file.Close()); err != nil {
		return err
	}
	b.manifest.Files = append(b.manifest.Files, manifestFile{name, hex.EncodeToString(sum.Sum(nil)), info.Size(), pages})
	return nil
}

// finish writes the last PDF, the table and, last, the manifest.
func (b *batch) finish(now time.Time) error {
	if b.drawing != nil {
		if err := b.endFile(); err != nil {
			return err
		}
	}
	if err := b.file(tableName, 0, func(w io.Writer) error { _, err := w.Write(b.rows.Bytes()); return err }); err != nil {
		return err
	}
	b.manifest.Finished = now
	text, err := json.MarshalIndent(b.manifest, "", "  ")
	if err != nil {
		return err
	}
	return writeDurably(filepath.Join(b.folder, manifestName), append(text, '\n'))
}
