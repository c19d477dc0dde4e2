package app_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"stagecraft/app"
	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

// TestHistoryTellsWholeLives reads pages of every size: each customer's events come together, in order of time, once.
func TestHistoryTellsWholeLives(t *testing.T) {
	const partition = 7
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var stored []engine.Past // as a partition keeps them: by customer, newest first
	for customer := byte(1); customer <= 4; customer++ {
		for n := 5; n > 0; n-- {
			stored = append(stored, engine.Past{Customer: lifecycle.ID{partition, customer}, At: start.Add(time.Duration(n) * time.Hour),
				Event: lifecycle.Event{Type: lifecycle.Track, Name: fmt.Sprintf("%d-%d", customer, n), UserID: fmt.Sprint(customer)}})
		}
	}
	for size := 1; size <= len(stored)+1; size++ {
		history := app.NewHistory(func(_ context.Context, p int, from []byte) ([]engine.Past, []byte, error) {
			if p != partition {
				return nil, nil, nil
			}
			at := 0
			if len(from) > 0 {
				at = int(from[0])
			}
			end := min(at+size, len(stored))
			if end == len(stored) {
				return stored[at:], nil, nil
			}
			return stored[at:end], []byte{byte(end)}, nil
		})
		var names, ids []string
		for {
			lines, customers, err := history.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if len(lines) == 0 {
				break
			}
			for i, line := range lines {
				names, ids = append(names, line.Event.Name), append(ids, line.ID)
				if want := line.Event.UserID; fmt.Sprint(customers[i][1]) != want || !bytes.Equal(customers[i][:1], []byte{partition}) {
					t.Errorf("pages of %d: an event of customer %s is given to %s", size, want, customers[i])
				}
			}
		}
		if got, want := strings.Join(names, " "), "1-1 1-2 1-3 1-4 1-5 2-1 2-2 2-3 2-4 2-5 3-1 3-2 3-3 3-4 3-5 4-1 4-2 4-3 4-4 4-5"; got != want {
			t.Errorf("pages of %d: %s", size, got)
		}
		slices.Sort(ids)
		if len(slices.Compact(ids)) != len(names) {
			t.Errorf("pages of %d: two lines have one ID", size)
		}
	}
}
