package letter

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Who is erased goes out of the batches too: their pages out of the PDFs, their rows out of the tables, their entries out of
// the manifests. What a batch becomes is first made as a whole in a folder of its own, DAY.cut in STATE, whose manifest is
// written last. From then on it is moved into the batch, the manifest last, by whoever comes first: a batch is never left as it
// was in one file and changed in another.
const (
	cutEnd   = ".cut"
	batchEnd = ".batch"
)

// forgetPrinted removes letters from all batches that are there. Called with mu, and while no batch is being written.
func (o *office) forgetPrinted(ids []string) error {
	if err := o.finishCuts(); err != nil {
		return err
	}
	torn, err := daysIn(o.state, batchEnd) // of a crash, while a batch was being written; it is written anew
	for _, day := range torn {
		err = errors.Join(err, os.RemoveAll(filepath.Join(o.state, day+batchEnd)))
	}
	days, listing := daysIn(o.settings.Folder, "")
	err = errors.Join(err, listing)
	wanted := make(map[string]bool, len(ids))
	for _, id := range ids {
		wanted[id] = true
	}
	for _, day := range days {
		if err == nil {
			err = o.cutBatch(day, wanted)
		}
	}
	return err
}

// cutBatch removes letters from a day's batch.
func (o *office) cutBatch(day string, wanted map[string]bool) error {
	folder := filepath.Join(o.settings.Folder, day)
	text, err := os.ReadFile(filepath.Join(folder, manifestName))
	if errors.Is(err, os.ErrNotExist) {
		return nil // it is none of ours
	}
	if err != nil {
		return err
	}
	mentioned := false
	for id := range wanted {
		mentioned = mentioned || bytes.Contains(text, []byte(`"`+id+`"`))
	}
	if !mentioned {
		return nil
	}
	c := cutter{folder: folder, into: filepath.Join(o.state, day+cutEnd), wanted: wanted, drop: map[string]map[int]bool{}}
	if err = json.Unmarshal(text, &c.manifest); err != nil || c.manifest.Format != 1 {
		return fmt.Errorf("%s is not as it was written here; delete the batch", filepath.Join(folder, manifestName))
	}
	if err = c.make(); err != nil {
		return errors.Join(fmt.Errorf("%s still has letters of somebody who was erased; delete the batch: %w", folder, err), os.RemoveAll(c.into))
	}
	return o.finishCut(day)
}

// cutter makes what a batch becomes.
type cutter struct {
	folder, into string
	wanted       map[string]bool
	manifest     manifest
	rows         []int                   // of the table, from 0, that stay
	drop         map[string]map[int]bool // pages by file
}

func (c *cutter) make() error {
	if err := errors.Join(os.RemoveAll(c.into), os.Mkdir(c.into, 0o700)); err != nil {
		return err
	}
	table := len(c.manifest.Letters)
	c.strike()
	var files []manifestFile
	for _, file := range c.manifest.Files {
		if filepath.Base(file.Name) != file.Name {
			return fmt.Errorf("%q is no file of a batch", file.Name)
		}
		content, err := os.ReadFile(filepath.Join(c.folder, file.Name))
		if errors.Is(err, os.ErrNotExist) {
			files = append(files, file) // somebody took it away
			continue
		}
		drop := c.drop[file.Name]
		switch {
		case err != nil:
			return err
		case file.Name == tableName:
			content, err = c.table(content, table)
		case len(drop) == 0:
			files = append(files, file)
			continue
		case len(drop) >= file.Pages:
			continue // nothing of it is left
		default:
			content, err = cutPages(content, func(page int) bool { return drop[page] })
		}
		if err != nil {
			return fmt.Errorf("%s: %w", file.Name, err)
		}
		if err = writeDurably(filepath.Join(c.into, file.Name), content); err != nil {
			return err
		}
		sum := sha256.Sum256(content)
		files = append(files, manifestFile{file.Name, hex.EncodeToString(sum[:]), int64(len(content)), file.Pages - len(drop)})
	}
	c.manifest.Files = files
	text, err := json.MarshalIndent(c.manifest, "", "  ")
	if err != nil {
		return err
	}
	return writeDurably(filepath.Join(c.into, manifestName), append(text, '\n'))
}

// strike takes the letters out of the manifest and notes their pages and rows. Those behind them move up; numbers stay.
func (c *cutter) strike() {
	m := &c.manifest
	var kept []manifestEntry
	gone := map[string]int{} // pages so far, by file
	for i, l := range m.Letters {
		if !c.wanted[l.ID] {
			l.Page -= gone[l.File]
			kept, c.rows = append(kept, l), append(c.rows, i)
			continue
		}
		pages := l.Pages
		if m.Duplex {
			pages += pages % 2
		}
		if c.drop[l.File] == nil {
			c.drop[l.File] = map[int]bool{}
		}
		for page := range pages {
			c.drop[l.File][l.Page+page] = true
		}
		gone[l.File] += pages
	}
	refused := len(m.Refused)
	m.Refused = slices.DeleteFunc(m.Refused, func(r refusal) bool { return c.wanted[r.ID] })
	m.Removed += len(m.Letters) - len(kept) + refused - len(m.Refused)
	m.Letters = kept
}

// table is the table without their rows. Rows stand in the order of the manifest's letters. Of a table that somebody has
// changed, those stay that have none of the IDs.
func (c *cutter) table(content []byte, letters int) ([]byte, error) {
	text := strings.TrimPrefix(string(content), bom)
	reader := csv.NewReader(strings.NewReader(text))
	reader.FieldsPerRecord = -1
	_, err := reader.Read()
	head := text[:reader.InputOffset()]
	rows, more := reader.ReadAll()
	if err = errors.Join(err, more); err != nil {
		return nil, errors.Join(errForeign, err)
	}
	whole := len(rows) == letters
	var out bytes.Buffer
	out.WriteString(bom + head)
	for _, row := range rows {
		if !whole && !slices.ContainsFunc(row, func(cell string) bool { return c.wanted[cell] }) {
			writeRow(&out, row)
		}
	}
	for i, at := range c.rows {
		if !whole {
			break
		}
		row := rows[at]
		if len(row) > 3 && strings.TrimSpace(row[3]) != "" {
			row[3] = fmt.Sprint(c.manifest.Letters[i].Page)
		}
		writeRow(&out, row)
	}
	return out.Bytes(), nil
}

// finishCuts moves what was made before a crash to its place.
func (o *office) finishCuts() error {
	days, err := daysIn(o.state, cutEnd)
	for _, day := range days {
		err = errors.Join(err, o.finishCut(day))
	}
	return err
}

// finishCut moves what a batch becomes to its place. What was not made as a whole is dropped; the host asks again.
func (o *office) finishCut(day string) error {
	from, folder := filepath.Join(o.state, day+cutEnd), filepath.Join(o.settings.Folder, day)
	text, err := os.ReadFile(filepath.Join(from, manifestName))
	if errors.Is(err, os.ErrNotExist) {
		return os.RemoveAll(from)
	}
	var m manifest
	if err == nil {
		err = json.Unmarshal(text, &m)
	}
	if err != nil {
		return err
	}
	if _, err = os.Stat(folder); errors.Is(err, os.ErrNotExist) { // deleted meanwhile
		return os.RemoveAll(from)
	}
	left := map[string]bool{}
	for _, file := range m.Files {
		left[file.Name] = true
		if err = os.Rename(filepath.Join(from, file.Name), filepath.Join(folder, file.Name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	pdfs, err := filepath.Glob(filepath.Join(folder, "letters*.pdf"))
	if err != nil {
		return err
	}
	for _, path := range pdfs {
		if !left[filepath.Base(path)] {
			if err = os.Remove(path); err != nil {
				return err
			}
		}
	}
	if err = syncFolder(folder); err != nil {
		return err
	}
	if err = os.Rename(filepath.Join(from, manifestName), filepath.Join(folder, manifestName)); err != nil {
		return err
	}
	return errors.Join(syncFolder(folder), os.RemoveAll(from))
}
