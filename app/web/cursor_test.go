package web_test

import (
	"bytes"
	"testing"

	"stagecraft/app/lifecycle"
	"stagecraft/app/web"
)

// A cursor is read as it was written or refused, and never taken for one of another list.
func FuzzCursor(f *testing.F) {
	f.Add("events.AAAA", []byte("place"))
	f.Add("customers", []byte{})
	f.Add(".", []byte{0})
	f.Add("events.=", []byte{255})
	fits := func(place []byte) bool { return len(place) > 0 }
	f.Fuzz(func(t *testing.T, text string, place []byte) {
		got, err := web.ReadCursor(text, "events", fits)
		switch {
		case err != nil && (lifecycle.CodeOf(err) != lifecycle.Invalid || got != nil):
			t.Errorf("%q: %v, %v", text, got, err)
		case err == nil && web.CursorOf("events", got) != text:
			t.Errorf("%q is read as %v", text, got)
		}
		if len(place) == 0 || len(place) > 200 {
			return
		}
		if got, err = web.ReadCursor(web.CursorOf("events", place), "events", fits); err != nil || !bytes.Equal(got, place) {
			t.Errorf("%v is read as %v, %v", place, got, err)
		}
		if _, err = web.ReadCursor(web.CursorOf("events", place), "calls", fits); err == nil {
			t.Errorf("the cursor of another list is taken")
		}
	})
}
