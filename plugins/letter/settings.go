package letter

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"
)

const schema = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "Letters",
  "description": "Gathers letters and writes what a print shop needs, once a day: a PDF, a CSV of the addresses and a manifest.",
  "type": "object",
  "additionalProperties": false,
  "required": ["folder", "sender", "country"],
  "properties": {
    "folder": {"type": "string", "minLength": 1, "title": "Folder", "description": "Where the batches go, each in a folder named like its day: 2026-11-22. Write the whole path. It is made if it is missing."},
    "sender": {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 2, "maxItems": 6, "title": "Sender", "description": "Name, street, postal code and city, one line each. They stand at the head of the letter and, small, in the window."},
    "country": {"type": "string", "pattern": "^[A-Z]{2}$", "title": "Country", "description": "Where the letters are posted, as two letters of ISO 3166: VN, DE. Letters within it carry no country; addresses without a country are in it."},
    "footer": {"type": "array", "items": {"type": "string", "minLength": 1}, "maxItems": 4, "title": "Foot of the page", "description": "What a business letter has to say: register, tax number, bank account."},
    "zone": {"type": "string", "default": "UTC", "title": "Time zone", "description": "By which a day begins and ends: Asia/Ho_Chi_Minh."},
    "cutoff": {"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$", "default": "24:00", "title": "Closing time", "description": "When the day's batch is written. What comes later is in the next day's."},
    "date": {"type": "string", "enum": ["2026-12-31", "31.12.2026", "31/12/2026", "12/31/2026", "none"], "default": "2026-12-31", "title": "Date", "description": "How the day stands on the letter."},
    "duplex": {"type": "boolean", "default": false, "title": "Both sides", "description": "Every letter begins on a sheet of its own when both sides are printed: an empty page follows an odd number of pages."},
    "max_pages": {"type": "integer", "minimum": 1, "maximum": 20, "default": 4, "title": "Pages of a letter", "description": "A longer letter is refused."},
    "file_pages": {"type": "integer", "minimum": 20, "maximum": 20000, "default": 5000, "title": "Pages of a PDF", "description": "A day with more has several."},
    "keep_batches": {"type": "integer", "minimum": 1, "maximum": 3650, "title": "Days to keep batches", "description": "A batch is deleted so many days after its own. Without it, batches stay until you delete them."}
  }
}`

// settings are what Configure takes, checked and completed; the schema says what each is.
type settings struct {
	Folder    string   `json:"folder"`
	Sender    []string `json:"sender"`
	Country   string   `json:"country"`
	Footer    []string `json:"footer"`
	Zone      string   `json:"zone"`
	Cutoff    string   `json:"cutoff"`
	Date      string   `json:"date"`
	Duplex    bool     `json:"duplex"`
	MaxPages  int      `json:"max_pages"`
	FilePages int      `json:"file_pages"`
	Keep      int      `json:"keep_batches"` // days; 0: for ever

	zone   *time.Location
	cutoff int // minutes after the beginning of the day, up to 24 h
}

// dateLayouts are Go's layouts of the choices of settings.Date.
var dateLayouts = map[string]string{
	"2026-12-31": "2006-01-02", "31.12.2026": "02.01.2006", "31/12/2026": "02/01/2006", "12/31/2026": "01/02/2006", "none": "",
}

func parseSettings(raw json.RawMessage) (*settings, error) {
	s := &settings{Zone: "UTC", Cutoff: "24:00", Date: "2026-12-31", MaxPages: 4, FilePages: 5000}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(s); err != nil {
		return nil, readable(err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) || !bytes.HasPrefix(bytes.TrimSpace(raw), []byte("{")) {
		return nil, errors.New("the settings must be one JSON object")
	}
	return s, s.check()
}

func (s *settings) check() error {
	if !filepath.IsAbs(s.Folder) {
		return errors.New("folder is missing or no whole path; write it like /srv/letters")
	}
	if len(s.Sender) < 2 || len(s.Sender) > 6 {
		return errors.New("sender has 2 to 6 lines: the name, the street, postal code and city")
	}
	if len(s.Footer) > 4 {
		return errors.New("footer has at most 4 lines")
	}
	for name, lines := range map[string][]string{"sender": s.Sender, "footer": s.Footer} {
		for i, line := range lines {
			if lines[i] = tidy(line); lines[i] == "" {
				return fmt.Errorf("%s has an empty line; leave it out", name)
			}
		}
	}
	code, err := countryCode(s.Country)
	if err != nil || len(s.Country) != 2 || s.Country != strings.ToUpper(s.Country) {
		return fmt.Errorf("country %q is no country; write two letters of ISO 3166 such as VN or DE", s.Country)
	}
	s.Country = code // GB of UK
	if s.zone, err = time.LoadLocation(s.Zone); err != nil || s.Zone == "" || s.Zone == "Local" {
		return fmt.Errorf("zone %q is no time zone; write it like Asia/Ho_Chi_Minh", s.Zone)
	}
	if s.Cutoff == "24:00" {
		s.cutoff = 24 * 60
	} else if at, err := time.Parse("15:04", s.Cutoff); err == nil && len(s.Cutoff) == 5 {
		s.cutoff = at.Hour()*60 + at.Minute()
	} else {
		return fmt.Errorf("cutoff %q is no time of the day; write it like 17:00", s.Cutoff)
	}
	if _, ok := dateLayouts[s.Date]; !ok {
		return fmt.Errorf("date %q is none of the choices; write 2026-12-31, 31.12.2026, 31/12/2026, 12/31/2026 or none", s.Date)
	}
	for _, n := range []struct {
		name               string
		value, least, most int
	}{{"max_pages", s.MaxPages, 1, 20}, {"file_pages", s.FilePages, 20, 20000}, {"keep_batches", s.Keep, 0, 3650}} {
		if n.value < n.least || n.value > n.most {
			return fmt.Errorf("%s %d is outside of %d to %d", n.name, n.value, n.least, n.most)
		}
	}
	return s.fits()
}

// fits looks whether what stands on every letter can be printed.
func (s *settings) fits() error {
	f, err := loadFonts()
	if err != nil {
		return err
	}
	for name, lines := range map[string][]string{"sender": s.Sender, "footer": s.Footer} {
		for _, line := range lines {
			if r, ok := f.lacks(line); ok {
				return fmt.Errorf("%s: there is no letter %q (%U) in the font", name, r, r)
			}
			if f.width(line, bold, headSize) > textWidth {
				return fmt.Errorf("%s: a line is wider than the page", name)
			}
		}
	}
	if f.width(s.returnLine(), regular, returnLeast) > windowWidth-windowInset {
		return errors.New("sender is longer than the line in the window; shorten it")
	}
	return nil
}

// returnLine is the sender as it stands above the address.
func (s *settings) returnLine() string { return strings.Join(s.Sender, " · ") }

// readable words a JSON error for people who fill in a form.
func readable(err error) error {
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) && kind.Field != "" {
		return fmt.Errorf("%s must be of type %s, not %s", kind.Field, kind.Type, kind.Value)
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return fmt.Errorf("there is no setting %s; the connector's schema lists them", name)
	}
	return errors.New("the settings must be a JSON object")
}

// abroad reports whether a country, as its code, is another one than that in which the letters are posted.
func (s *settings) abroad(country string) bool { return country != "" && country != s.Country }
