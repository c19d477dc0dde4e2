package insight

import (
	"bytes"
	"context"
	"runtime"
	"slices"
	"sync"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// days keeps the days of the journeys that somebody asks for, summed over the partitions, so that a report of years does not
// read tens of thousands of records again. What it keeps is right by its making: a commit drops the days that it changed, and
// who asks next reads those, and only those, as they are on disk.
type days struct {
	mu       sync.Mutex
	journeys map[string]map[Date]*keptDay
	loading  sync.Mutex // one journey is read at a time
}

// keptDay is a day's record; nil: it has to be read. A day that changes gets a new one, so that whoever is reading the old one
// cannot put it in the place of what came after.
type keptDay struct{ record []byte }

// changed drops a day that a commit has changed. It is called for each customer who moves.
func (d *days) changed(journey string, date Date) {
	d.mu.Lock()
	if kept := d.journeys[journey]; kept != nil {
		kept[date] = &keptDay{}
	}
	d.mu.Unlock()
}

// Days returns what happened in a journey from one day to another, both among them, in order. Days on which nothing happened
// are left out; stages have their present names, as in a Report.
func (i *Insight) Days(ctx context.Context, journey string, from, to Date) ([]Day, error) {
	plans, err := i.running(ctx)
	if err != nil {
		return nil, err
	}
	kept, err := i.days.of(ctx, i.store, journey)
	if err != nil {
		return nil, err
	}
	stale, all := map[Date]*keptDay{}, map[Date][]byte{}
	i.days.mu.Lock()
	for date, day := range kept {
		switch {
		case date < from || date > to:
		case day.record == nil:
			stale[date] = day
		default:
			all[date] = day.record
		}
	}
	i.days.mu.Unlock()
	if len(stale) > 0 {
		wanted := dayQuery{journey: journey}
		for date := range stale {
			wanted.dates = append(wanted.dates, date)
		}
		slices.Sort(wanted.dates)
		read, err := readDays(ctx, i.store, wanted)
		if err != nil {
			return nil, err
		}
		i.days.mu.Lock()
		for date, record := range read {
			all[date] = record
			if kept[date] == stale[date] {
				stale[date].record = record
			}
		}
		i.days.mu.Unlock()
	}
	list := make([]Day, 0, len(all))
	for date, record := range all {
		list = append(list, readDay(date, record, plans[journey]))
	}
	slices.SortFunc(list, func(a, b Day) int { return int(a.Date) - int(b.Date) })
	return list, nil
}

// Warm reads the days of all journeys, so that nobody has to wait for them after a start. What cannot be read now is read when
// somebody asks.
func (i *Insight) Warm(ctx context.Context) {
	report, err := i.Report(ctx)
	if err != nil {
		return
	}
	for name := range report.Journeys {
		if !lifecycle.IsBroadcast(name) && ctx.Err() == nil {
			_, _ = i.days.of(ctx, i.store, name)
		}
	}
}

// of returns the kept days of a journey, under mu; who asks for the first time has them read.
func (d *days) of(ctx context.Context, s *store.Store, journey string) (map[Date]*keptDay, error) {
	d.loading.Lock()
	defer d.loading.Unlock()
	d.mu.Lock()
	kept := d.journeys[journey]
	if kept != nil {
		d.mu.Unlock()
		return kept, nil
	}
	if d.journeys == nil {
		d.journeys = map[string]map[Date]*keptDay{}
	}
	kept = map[Date]*keptDay{}
	d.journeys[journey] = kept // from here on changes are noted
	d.mu.Unlock()
	read, err := readDays(ctx, s, dayQuery{journey: journey})
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil {
		delete(d.journeys, journey)
		return nil, err
	}
	for date, record := range read {
		if kept[date] == nil { // else it has changed meanwhile
			kept[date] = &keptDay{record}
		}
	}
	return kept, nil
}

// dayQuery asks a partition for days of a journey, all of them if none is named.
type dayQuery struct {
	journey string
	dates   []Date
}

type storedDay struct {
	date   Date
	record []byte
}

func (q dayQuery) answer(tx store.Reader) []storedDay {
	var found []storedDay
	if q.dates != nil {
		for _, date := range q.dates {
			if record := tx.Get(dayKey(q.journey, date)); record != nil {
				found = append(found, storedDay{date, record})
			}
		}
		return found
	}
	prefix := dayPrefix(q.journey)
	tx.Scan(prefix, store.PrefixEnd(prefix), func(key, value []byte) bool {
		if date, ok := dateOf(key, prefix); ok {
			found = append(found, storedDay{date, bytes.Clone(value)})
		}
		return true
	})
	return found
}

// readDays reads days of all partitions and adds them up.
func readDays(ctx context.Context, s *store.Store, q dayQuery) (map[Date][]byte, error) {
	parts := make([][]storedDay, s.Partitions())
	if err := eachPartition(s, func(p int) error {
		answer, err := s.Ask(ctx, p, q)
		if err == nil {
			parts[p] = answer.([]storedDay)
		}
		return err
	}); err != nil {
		return nil, err
	}
	byDate := map[Date][][]byte{}
	for _, part := range parts {
		for _, day := range part {
			byDate[day.date] = append(byDate[day.date], day.record)
		}
	}
	sums, sum := make(map[Date][]byte, len(byDate)), daySum{}
	for date, records := range byDate {
		for _, record := range records {
			sum.add(record)
		}
		sums[date] = sum.take()
	}
	return sums, nil
}

// eachPartition asks all partitions, some at a time, and returns the first error.
func eachPartition(s *store.Store, ask func(partition int) error) error {
	var group sync.WaitGroup
	var failed error
	var once sync.Once
	turn := make(chan int, s.Partitions())
	for p := range s.Partitions() {
		turn <- p
	}
	close(turn)
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			for p := range turn {
				if err := ask(p); err != nil {
					once.Do(func() { failed = err })
					return
				}
			}
		})
	}
	group.Wait()
	return failed
}
