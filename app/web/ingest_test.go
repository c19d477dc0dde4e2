package web_test

import (
	"encoding/json"
	"testing"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/web"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestCallsTakeShape(t *testing.T) {
	for name, c := range map[string]struct {
		kind                      lifecycle.EventType
		body                      string
		event, properties, traits string
	}{
		"page":                  {"page", `{"userId":"a","name":"Home","category":"Docs","properties":{"url":"/"}}`, "Page Viewed", `{"category":"Docs","name":"Home","url":"/"}`, ``},
		"page without a name":   {"page", `{"userId":"a","properties":{ "url": "/"}}`, "Page Viewed", `{ "url": "/"}`, ``},
		"page of odd names":     {"page", `{"userId":"a","name":7,"category":null}`, "Page Viewed", ``, ``},
		"screen":                {"screen", `{"userId":"a","name":"Start"}`, "Screen Viewed", `{"name":"Start"}`, ``},
		"group":                 {"group", `{"userId":"a","groupId":"acme","traits":{"size":12,"id":"not it"}}`, "", `{"groupId":"acme"}`, `{"group":{"id":"acme","size":12}}`},
		"group without traits":  {"group", `{"userId":"a","groupId":"acme"}`, "", `{"groupId":"acme"}`, `{"group":{"id":"acme"}}`},
		"group as it is stored": {"group", `{"userId":"a","properties":{"groupId":"acme"},"traits":{"group":{"id":"acme"}}}`, "", `{"groupId":"acme"}`, `{"group":{"id":"acme"}}`},
		"alias":                 {"alias", `{"userId":"a","previousId":"b"}`, "", `{"previousId":"b"}`, ``},
		"alias as it is stored": {"alias", `{"userId":"a","properties":{"previousId":"b"}}`, "", `{"previousId":"b"}`, ``},
		"identify with a name":  {"identify", `{"userId":"a","event":"X","traits":{"n":1}}`, "", ``, `{"n":1}`},
		"group of a number":     {"group", `{"userId":"a","groupId":5}`, "", `{"groupId":"5"}`, `{"group":{"id":"5"}}`},
		"alias of a number":     {"alias", `{"userId":"a","previousId":-43}`, "", `{"previousId":"-43"}`, ``},
		"a phone of digits":     {"identify", `{"userId":"a","traits":{"phone":84901234567,"n":1}}`, "", ``, `{"n":1,"phone":"84901234567"}`},
		"a phone of text":       {"identify", `{"userId":"a","traits":{"phone":"+84901234567", "n":1}}`, "", ``, `{"phone":"+84901234567", "n":1}`},
		"a phone of sorts":      {"identify", `{"userId":"a","traits":{"phone":1.5}}`, "", ``, `{"phone":1.5}`},
		"type in the body":      {"", `{"type":"track","userId":"a","event":"X"}`, "X", ``, ``},
		"the path counts":       {"track", `{"type":"page","userId":"a","event":"X"}`, "X", ``, ``},
	} {
		got, err := web.DecodeCall([]byte(c.body), c.kind, noon)
		if err != nil || got.Name != c.event || string(got.Properties) != c.properties || string(got.Traits) != c.traits {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// A telephone number is a text, wherever the traits stand.
func TestAPhoneInTheContext(t *testing.T) {
	for context, want := range map[string]string{
		`{"ip":"::1","traits":{"phone":84901234567}}`:     `{"ip":"::1","traits":{"phone":"84901234567"}}`,
		`{"traits":{"phone":"+84901234567"}, "ip":"::1"}`: `{"traits":{"phone":"+84901234567"}, "ip":"::1"}`,
		`{"traits":[84901234567]}`:                        `{"traits":[84901234567]}`,
	} {
		got, err := web.DecodeCall([]byte(`{"userId":"a","event":"X","context":`+context+`}`), lifecycle.Track, noon)
		if err != nil || string(got.Context) != want {
			t.Errorf("%s became %s, %v", context, got.Context, err)
		}
	}
}

// A program's IDs are often numbers: they are kept as they are written, also those that no float holds.
func TestNumbersAreIDs(t *testing.T) {
	got, err := web.DecodeCall([]byte(`{"userId":90071992547409931,"anonymousId":17 ,"messageId":0012,"event":"X"}`), lifecycle.Track, noon)
	if err == nil {
		t.Errorf("0012 is no JSON, and became %q", got.MessageID)
	}
	got, err = web.DecodeCall([]byte(`{"userId":90071992547409931,"anonymousId": 17 ,"messageId":-1,"event":"X"}`), lifecycle.Track, noon)
	if err != nil || got.UserID != "90071992547409931" || got.AnonymousID != "17" || got.MessageID != "-1" {
		t.Errorf("%+v, %v", got, err)
	}
}

// The log speaks of refused events at once, then once a minute, of all that there were.
func TestRefusedEventsAreTold(t *testing.T) {
	var r web.Refusals
	for i, step := range []struct {
		after time.Duration
		n     int
		tell  int64
	}{{0, 3, 3}, {time.Second, 2, 0}, {59 * time.Second, 1, 0}, {time.Minute, 1, 4}, {90 * time.Second, 5, 0}, {2 * time.Minute, 1, 6}} {
		if tell := r.Note(step.n, noon.Add(step.after)); tell != step.tell {
			t.Errorf("step %d tells of %d, want %d", i, tell, step.tell)
		}
	}
}

func TestClocksAreCorrected(t *testing.T) {
	for name, c := range map[string]struct{ times, want string }{
		"none":               {``, "0001-01-01T00:00:00Z"},
		"no time":            {`,"sentAt":"2026-03-01T12:00:00Z"`, "0001-01-01T00:00:00Z"},
		"as it says":         {`,"timestamp":"2026-03-01T10:00:00+01:00"`, "2026-03-01T09:00:00Z"},
		"a day late":         {`,"timestamp":"2026-02-28T11:00:00Z","sentAt":"2026-02-28T12:00:00Z"`, "2026-03-01T11:00:00Z"},
		"a year ahead":       {`,"timestamp":"2027-03-01T11:59:00Z","sentAt":"2027-03-01T12:00:00.000Z"`, "2026-03-01T11:59:00Z"},
		"by its other name":  {`,"originalTimestamp":"2026-02-28T11:00:00Z","sentAt":"2026-02-28T12:00:00Z"`, "2026-03-01T11:00:00Z"},
		"sent at no time":    {`,"timestamp":"2026-03-01T09:00:00Z","sentAt":"noon"`, "2026-03-01T09:00:00Z"},
		"sent at a number":   {`,"timestamp":"2026-03-01T09:00:00Z","sentAt":1772355600`, "2026-03-01T09:00:00Z"},
		"no zone":            {`,"timestamp":"2026-02-23T06:00:00"`, "2026-02-23T06:00:00Z"},
		"no zone, fractions": {`,"timestamp":"2026-02-23T06:00:00.125"`, "2026-02-23T06:00:00Z"},
		"no seconds":         {`,"timestamp":"2026-02-23T06:00"`, "2026-02-23T06:00:00Z"},
		"a blank":            {`,"timestamp":"2026-02-23 06:00:00+07:00"`, "2026-02-22T23:00:00Z"},
		"a day":              {`,"timestamp":"2026-02-23"`, "2026-02-23T00:00:00Z"},
		"a short offset":     {`,"timestamp":"2026-02-23T06:00:00+0700"`, "2026-02-22T23:00:00Z"},
		"a shorter one":      {`,"timestamp":"2026-02-23T06:00:00.5-03"`, "2026-02-23T09:00:00Z"},
		"no zone, but sent":  {`,"timestamp":"2026-02-28T11:00:00","sentAt":"2026-02-28T12:00:00Z"`, "2026-03-01T11:00:00Z"},
		"sent in no zone":    {`,"timestamp":"2026-03-01T09:00:00Z","sentAt":"2026-03-01T19:00:00"`, "2026-03-01T09:00:00Z"},
		"nothing readable":   {`,"timestamp":"yesterday","sentAt":"2026-02-28T12:00:00Z"`, "0001-01-01T00:00:00Z"},
		"a number":           {`,"timestamp":1772355600`, "0001-01-01T00:00:00Z"},
		"Go's zero":          {`,"timestamp":"0001-01-01T00:00:00Z"`, "0001-01-01T00:00:00Z"},
		"out of all reason":  {`,"timestamp":"1900-01-01T00:00:00Z","sentAt":"2200-01-01T00:00:00Z"`, "1900-01-01T00:00:00Z"},
		"years in the queue": {`,"timestamp":"2024-03-01T12:00:00Z","sentAt":"2026-03-01T12:00:00Z"`, "2024-03-01T12:00:00Z"},
	} {
		got, err := web.DecodeCall([]byte(`{"userId":"a","event":"X"`+c.times+`}`), lifecycle.Track, noon)
		if err != nil || got.Timestamp.Format(time.RFC3339) != c.want {
			t.Errorf("%s: %s, %v; want %s", name, got.Timestamp.Format(time.RFC3339), err, c.want)
		}
	}
}

// Whatever comes in is refused with words, or becomes an event that may be stored.
func FuzzCall(f *testing.F) {
	for _, seed := range []string{
		`{"type":"track","event":"X","userId":"a","timestamp":"2026-03-01T10:00:00Z","sentAt":"2026-03-01T10:00:00Z","properties":{"n":1}}`,
		`{"type":"page","name":"Home","category":7,"anonymousId":"d","properties":null}`,
		`{"type":"screen","name":"\ud800","userId":"a"}`,
		`{"type":"group","groupId":"g","userId":"a","traits":{"group":{}}}`,
		`{"type":"alias","userId":"a","previousId":"b","properties":{"previousId":{}}}`,
		`{"type":"identify","userId":"a","traits":{"":null},"context":{"traits":[]}}`,
		`[]`, `null`, `{"type":"dance"}`, `{"type":"group","groupId":"g","userId":"a","traits":nul}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		event, err := web.DecodeCall(data, "", noon)
		if err != nil {
			if lifecycle.CodeOf(err) != lifecycle.Invalid {
				t.Fatal(err)
			}
			return
		}
		if err = event.Validate(); err != nil {
			t.Fatal(err)
		}
		if year := event.Timestamp.Year(); !event.Timestamp.IsZero() && (year < 1900 || year > 2200) {
			t.Fatal(event.Timestamp)
		}
		for _, object := range []json.RawMessage{event.Properties, event.Traits, event.Context} {
			var fields map[string]json.RawMessage
			if len(object) > 0 && json.Unmarshal(object, &fields) != nil {
				t.Fatalf("%s is no object", object)
			}
		}
	})
}

func BenchmarkCall(b *testing.B) {
	body := []byte(`{"userId":"u-4711","event":"Order Completed","messageId":"a7d0f2de-5f2b-4d8a-9a44-0d3b5d4f6a10","timestamp":"2026-03-01T10:00:00Z",` +
		`"properties":{"order_id":"50314b8e","total":27.5,"currency":"EUR"},"context":{"traits":{"email":"ada@example.com"}}}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := web.DecodeCall(body, lifecycle.Track, noon); err != nil {
			b.Fatal(err)
		}
	}
}
