package lifecycle

import "time"

// How the visits of a customer are written, with their timers and the runs that wait.

func (v *Visit) write(w *RecordWriter) {
	w.Text(v.Journey)
	w.Text(v.Stage)
	w.Time(v.Entered)
	w.Uvarint(v.Number)
	w.Flags(v.Converted, v.Touched, len(v.Of) > 0)
	if len(v.Of) > 0 {
		w.List(len(v.Of))
		for _, id := range v.Of {
			w.ID(id)
		}
	}
	w.Text(v.Version)
	w.List(len(v.Timers))
	for i := range v.Timers {
		t := &v.Timers[i]
		w.Time(t.Due)
		w.Uvarint(t.Seq)
		w.OptionalID(t.Run)
		w.Text(t.Event)
		w.Varint(int64(t.After))
		w.Text(t.Stage)
		w.Bool(t.Fired)
	}
	w.List(len(v.Runs))
	for i := range v.Runs {
		run := &v.Runs[i]
		w.ID(run.ID)
		w.Text(run.Handler)
		w.Text(run.Stage)
		w.Uvarint(run.Visit)
		w.Text(run.Version)
		w.Flags(run.File != "" || run.Line != 0, run.Event != "", !run.Message.IsZero())
		if run.File != "" || run.Line != 0 {
			w.Text(run.File)
			w.Varint(int64(run.Line))
		}
		if run.Event != "" {
			w.Text(run.Event)
		}
		if !run.Message.IsZero() {
			w.ID(run.Message)
		}
	}
}

func readVisits(r *RecordReader, version byte) []Visit {
	n := r.List(leastVisit)
	if n == 0 {
		return nil
	}
	visits := make([]Visit, n)
	for i := range visits {
		visits[i] = Visit{
			Journey: r.Text(),
			Stage:   r.Text(),
			Entered: r.Time(),
			Number:  r.Uvarint(),
		}
		v := &visits[i]
		if version < 3 {
			v.Converted = r.Bool()
		} else {
			parts := r.Flags(3)
			v.Converted, v.Touched = parts.Has(0), parts.Has(1)
			if parts.Has(2) {
				v.Of = make([]ID, r.List(len(ID{})))
				for i := range v.Of {
					v.Of[i] = r.ID()
				}
			}
		}
		v.Version, v.Timers, v.Runs = r.Text(), readTimers(r), readRunRefs(r, version)
	}
	return visits
}

func readTimers(r *RecordReader) []Timer {
	n := r.List(leastTimer)
	if n == 0 {
		return nil
	}
	timers := make([]Timer, n)
	for i := range timers {
		timers[i] = Timer{
			Due:   r.Time(),
			Seq:   r.Uvarint(),
			Run:   r.OptionalID(),
			Event: r.Text(),
			After: time.Duration(r.Varint()),
			Stage: r.Text(),
			Fired: r.Bool(),
		}
	}
	return timers
}

func readRunRefs(r *RecordReader, version byte) []RunRef {
	n := r.List(leastRunRef)
	if n == 0 {
		return nil
	}
	runs := make([]RunRef, n)
	for i := range runs {
		runs[i] = RunRef{ID: r.ID(), Handler: r.Text(), Stage: r.Text(), Visit: r.Uvarint(), Version: r.Text()}
		if version < 2 {
			continue
		}
		parts := r.Flags(3)
		if parts.Has(0) {
			runs[i].File, runs[i].Line = r.Text(), r.Int()
		}
		if parts.Has(1) {
			runs[i].Event = r.Text()
		}
		if parts.Has(2) {
			runs[i].Message = r.ID()
		}
	}
	return runs
}
