package lifecycle

import (
	"encoding/json"
	"slices"
	"time"
)

// customerRecord is the version in which customers are written, with their identities, visits, timers and waiting
// runs. Version 1 had no tags, points, past and lapse, and did not say where a run waits and for what; version 2 did not
// say in which visits somebody was written to; version 3 knew nothing of consent and suppressions; version 4 had one score
// without a name and knew nothing of where traits and the customer came from, of revenue and of segments; version 5 asked
// nothing about addresses, and gave no user ID to whoever had none; version 6 did not say since when names are one person's;
// version 7 did not say which of them had opted out; version 8 not whether a trait's source is a key; version 9 not which source
// had said that they opted out; version 10 kept a yes of the trait unsubscribed as it was written, and not
// when somebody was seen last; version 11 did not say whose visits of broadcasts were; version 12 not for which message a number is
// asked about.
const customerRecord = 13

// How few bytes the elements of a customer's lists take.
const (
	leastIdentity = 2
	leastVisit    = 8
	leastTimer    = 7
	leastRunRef   = 20
	leastTag      = 1
	leastPoints   = 10
	leastPast     = 3
	leastConsent  = 5
	leastSuppress = 4
	leastOrigin   = 3
	leastQuestion = 3
	leastJoin     = 17
	leastOptOut   = 10 // of version 8
	leastBeyond   = 9
	leastGiven    = 18
)

// RecordSize returns about how many bytes AppendRecord appends.
func (c *Customer) RecordSize() int {
	size := 96 + len(c.Import) + len(c.Segments)
	for i := range c.Identities {
		size += 4 + len(c.Identities[i].Kind) + len(c.Identities[i].Value)
	}
	for i := range c.Visits {
		v := &c.Visits[i]
		size += 32 + len(v.Journey) + len(v.Stage) + len(v.Version)
		for j := range v.Timers {
			size += 48 + len(v.Timers[j].Event) + len(v.Timers[j].Stage)
		}
		for j := range v.Runs {
			run := &v.Runs[j]
			size += 56 + len(run.Handler) + len(run.Stage) + len(run.Version) + len(run.File) + len(run.Event)
		}
	}
	for name, value := range c.Traits {
		size += 6 + len(name) + len(value)
	}
	for _, tag := range c.Tags {
		size += 2 + len(tag)
	}
	for i := range c.Points {
		size += 29 + len(c.Points[i].Name)
	}
	for i := range c.Scores.Given {
		size += 37 + len(c.Scores.Given[i].Name)
	}
	for i := range c.Scores.Beyond {
		size += 10 + len(c.Scores.Beyond[i].Score)
	}
	for i := range c.Past {
		size += 13 + len(c.Past[i].Journey) + len(c.Past[i].Stage)
	}
	for _, word := range c.Consents {
		size += 15 + len(word.Channel) + len(word.Topic) + len(word.Source)
	}
	for _, s := range c.Suppressions {
		size += 15 + len(s.Channel) + len(s.Address) + len(s.Reason)
	}
	for i := range c.Questions {
		size += 6 + len(ID{}) + len(c.Questions[i].Identity.Kind) + len(c.Questions[i].Identity.Value)
	}
	size += 25 * len(c.Joins)
	for i := range c.OptOuts {
		size += 21 + len(c.OptOuts[i].Source)
	}
	for i := range c.Origins {
		size += 15 + len(c.Origins[i].Trait) + len(c.Origins[i].Source)
	}
	if a := c.Acquired; a != nil {
		size += 40 + len(a.Source) + len(a.Medium) + len(a.Campaign) + len(a.Referrer) + len(a.Landing)
	}
	return size + 80
}

// AppendRecord appends the customer as it is stored. Traits that were decoded are not kept decoded.
func (c *Customer) AppendRecord(b []byte) []byte {
	w := NewRecordWriter(b)
	w.Version(customerRecord)
	w.ID(c.ID)
	w.List(len(c.Identities))
	for i := range c.Identities {
		w.Text(string(c.Identities[i].Kind))
		w.Text(c.Identities[i].Value)
	}
	w.Time(c.Created)
	w.Time(c.Clock)
	w.Uvarint(c.Seq)
	w.Text(c.Import)
	w.Uint64(c.TraitsHash)
	w.Time(c.Due)
	w.List(len(c.Visits))
	for i := range c.Visits {
		c.Visits[i].write(&w)
	}
	var stack [64]string
	names := sortedKeys(stack[:0], c.Traits)
	w.List(len(names))
	for _, name := range names {
		w.Text(name)
		w.Bytes(c.Traits[name])
	}
	c.writeRest(&w)
	return w.Result()
}

// ReadRecord reads what AppendRecord appended.
func (c *Customer) ReadRecord(data []byte) error {
	r := NewRecordReader(data)
	version := r.Version("a customer", customerRecord)
	*c = Customer{
		ID:         r.ID(),
		Identities: readIdentities(&r),
		Created:    r.Time(),
		Clock:      r.Time(),
		Seq:        r.Uvarint(),
		Import:     r.Text(),
		TraitsHash: r.Uint64(),
		Due:        r.Time(),
		Visits:     readVisits(&r, version),
		Traits:     readMap(&r, func() json.RawMessage { return r.Bytes() }),
	}
	if version > 1 {
		c.readRest(&r, version)
	}
	if version < 11 {
		c.readOptOut()
	}
	return r.End("a customer")
}

// writeRest writes what most customers do not have; for them it is one byte.
func (c *Customer) writeRest(w *RecordWriter) {
	further := len(c.Origins) > 0 || c.Acquired != nil || !c.Revenue.IsZero() || !c.SegmentsDue.IsZero() || !c.Referred.IsZero() || len(c.Segments) > 0 ||
		!c.Scores.IsZero() || len(c.Questions) > 0 || len(c.Joins) > 0 || len(c.OptOuts) > 0 || !c.Seen.IsZero()
	w.Flags(len(c.Tags) > 0, len(c.Points) > 0, len(c.Past) > 0, !c.Lapse.IsZero(), len(c.Consents) > 0, len(c.Suppressions) > 0, further, c.Called)
	if len(c.Tags) > 0 {
		w.List(len(c.Tags))
		for _, tag := range c.Tags {
			w.Text(tag)
		}
	}
	if len(c.Points) > 0 {
		w.List(len(c.Points))
		for i := range c.Points {
			c.Points[i].write(w)
		}
	}
	if len(c.Past) > 0 {
		w.List(len(c.Past))
		for i := range c.Past {
			w.Text(c.Past[i].Journey)
			w.Text(c.Past[i].Stage)
			w.Time(c.Past[i].Left)
		}
	}
	if !c.Lapse.IsZero() {
		w.Time(c.Lapse)
	}
	if len(c.Consents) > 0 {
		w.List(len(c.Consents))
		for _, word := range c.Consents {
			w.Text(word.Channel)
			w.Text(word.Topic)
			w.Bool(word.Granted)
			w.Time(word.At)
			w.Text(word.Source)
		}
	}
	if len(c.Suppressions) > 0 {
		w.List(len(c.Suppressions))
		for _, s := range c.Suppressions {
			w.Text(s.Channel)
			w.Text(s.Address)
			w.Text(s.Reason)
			w.Time(s.At)
		}
	}
	if further {
		c.writeFurther(w)
	}
}

// writeFurther writes what came with versions 5 to 11.
func (c *Customer) writeFurther(w *RecordWriter) {
	w.Flags(len(c.Origins) > 0, c.Acquired != nil, !c.Revenue.IsZero(), !c.SegmentsDue.IsZero(), !c.Referred.IsZero(), len(c.Segments) > 0,
		!c.Scores.IsZero(), len(c.Questions) > 0)
	if len(c.Origins) > 0 {
		w.List(len(c.Origins))
		for i := range c.Origins {
			w.Text(c.Origins[i].Trait)
			w.Text(c.Origins[i].Source)
			w.Time(c.Origins[i].At)
			w.Bool(c.Origins[i].Keyed)
		}
	}
	if a := c.Acquired; a != nil {
		for _, text := range [...]string{a.Source, a.Medium, a.Campaign, a.Referrer, a.Landing} {
			w.Text(text)
		}
		w.OptionalID(a.By)
		w.Time(a.At)
	}
	if !c.Revenue.IsZero() {
		w.Uvarint(c.Revenue.Orders)
		w.Float(c.Revenue.Total)
		w.Time(c.Revenue.First)
		w.Time(c.Revenue.Last)
	}
	if !c.SegmentsDue.IsZero() {
		w.Time(c.SegmentsDue)
	}
	if !c.Referred.IsZero() {
		w.Time(c.Referred)
	}
	if len(c.Segments) > 0 {
		w.Bytes(c.Segments)
	}
	if !c.Scores.IsZero() {
		c.Scores.write(w)
	}
	if len(c.Questions) > 0 {
		w.List(len(c.Questions))
		for _, q := range c.Questions {
			w.Text(string(q.Identity.Kind))
			w.Text(q.Identity.Value)
			w.Bool(q.Asked)
			w.ID(q.For)
		}
	}
	w.List(len(c.Joins))
	for _, join := range c.Joins {
		w.Uint64(join.A)
		w.Uint64(join.B)
		w.Time(join.At)
	}
	w.List(len(c.OptOuts))
	for _, one := range c.OptOuts {
		w.Uint64(one.By)
		w.Time(one.At)
		w.Bool(one.Is)
		w.Text(one.Source)
		w.Bool(one.Keyed)
		w.Bool(one.Above)
	}
	w.Time(c.Seen)
}

func (s *Scores) write(w *RecordWriter) {
	w.Uvarint(s.Epoch)
	w.Time(s.Due)
	w.List(len(s.Beyond))
	for i := range s.Beyond {
		w.Text(s.Beyond[i].Score)
		w.Float(s.Beyond[i].Threshold)
	}
	w.List(len(s.Given))
	for i := range s.Given {
		w.Uint64(s.Given[i].Key)
		s.Given[i].Points.write(w)
	}
}

func (s *Scores) read(r *RecordReader) {
	s.Epoch, s.Due = r.Uvarint(), r.Time()
	if n := r.List(leastBeyond); n > 0 {
		s.Beyond = make([]Beyond, n)
		for i := range s.Beyond {
			s.Beyond[i] = Beyond{Score: r.Text(), Threshold: r.Float()}
		}
	}
	if n := r.List(leastGiven); n > 0 {
		s.Given = make([]Given, n)
		for i := range s.Given {
			s.Given[i].Key = r.Uint64()
			s.Given[i].Points.read(r, customerRecord)
		}
	}
}

func (p *Points) write(w *RecordWriter) {
	w.Varint(int64(p.HalfLife))
	w.Float(p.Value)
	w.Time(p.At)
	w.Text(p.Name)
}

func (p *Points) read(r *RecordReader, version byte) {
	p.HalfLife, p.Value, p.At = time.Duration(r.Varint()), r.Float(), r.Time()
	if version > 4 {
		p.Name = r.Text()
	}
}

func (c *Customer) readFurther(r *RecordReader, version byte) {
	flags := 8
	if version < 6 {
		flags = 7
	}
	parts := r.Flags(flags)
	if parts.Has(0) {
		c.Origins = make([]Origin, r.List(leastOrigin))
		for i := range c.Origins {
			c.Origins[i] = Origin{Trait: r.Text(), Source: r.Text(), At: r.Time(), Keyed: version > 8 && r.Bool()}
		}
	}
	if parts.Has(1) {
		c.Acquired = &Acquisition{Source: r.Text(), Medium: r.Text(), Campaign: r.Text(), Referrer: r.Text(), Landing: r.Text(),
			By: r.OptionalID(), At: r.Time()}
	}
	if parts.Has(2) {
		c.Revenue = Revenue{Orders: r.Uvarint(), Total: withinTotal(r.Float()), First: r.Time(), Last: r.Time()}
	}
	if parts.Has(3) {
		c.SegmentsDue = r.Time()
	}
	if parts.Has(4) {
		c.Referred = r.Time()
	}
	if parts.Has(5) {
		c.Segments = r.Bytes()
	}
	if parts.Has(6) {
		c.Scores.read(r)
	}
	if parts.Has(7) {
		c.Questions = make([]Question, r.List(leastQuestion))
		for i := range c.Questions {
			c.Questions[i] = Question{Identity: Identity{Kind: IdentityKind(r.Text()), Value: r.Text()}, Asked: r.Bool()}
			if version >= 13 {
				c.Questions[i].For = r.ID()
			}
		}
	}
	if version < 7 {
		return
	}
	if n := r.List(leastJoin); n > 0 {
		c.Joins = make([]Join, n)
		for i := range c.Joins {
			c.Joins[i] = Join{A: r.Uint64(), B: r.Uint64(), At: r.Time()}
		}
	}
	if version < 8 {
		return
	}
	if n := r.List(leastOptOut); n > 0 {
		c.OptOuts = make([]OptOut, n)
		for i := range c.OptOuts {
			c.OptOuts[i] = OptOut{By: r.Uint64(), At: r.Time(), Is: r.Bool()}
			if one := &c.OptOuts[i]; version > 9 {
				one.Source, one.Keyed, one.Above = r.Text(), r.Bool(), r.Bool()
			} else if origin, is := c.Origin(OptOutTrait); is {
				one.Source, one.Keyed = origin.Source, origin.Keyed
			}
		}
	}
	if version > 10 {
		c.Seen = r.Time()
	}
}

func (c *Customer) readRest(r *RecordReader, version byte) {
	flags := 8
	switch {
	case version < 4:
		flags = 4
	case version < 5:
		flags = 6
	case version < 6:
		flags = 7
	}
	parts := r.Flags(flags)
	c.Called = parts.Has(7)
	if parts.Has(0) {
		c.Tags = make([]string, r.List(leastTag))
		for i := range c.Tags {
			c.Tags[i] = r.Text()
		}
	}
	if parts.Has(1) {
		c.Points = make([]Points, r.List(leastPoints))
		for i := range c.Points {
			c.Points[i].read(r, version)
		}
	}
	if parts.Has(2) {
		c.Past = make([]Past, r.List(leastPast))
		for i := range c.Past {
			c.Past[i] = Past{Journey: r.Text(), Stage: r.Text(), Left: r.Time()}
		}
	}
	if parts.Has(3) {
		c.Lapse = r.Time()
	}
	if parts.Has(4) {
		c.Consents = make([]Consent, r.List(leastConsent))
		for i := range c.Consents {
			c.Consents[i] = Consent{Channel: r.Text(), Topic: r.Text(), Granted: r.Bool(), At: r.Time(), Source: r.Text()}
		}
	}
	if parts.Has(5) {
		c.Suppressions = make([]Suppression, r.List(leastSuppress))
		for i := range c.Suppressions {
			c.Suppressions[i] = Suppression{Channel: r.Text(), Address: r.Text(), Reason: r.Text(), At: r.Time()}
		}
	}
	c.takeKinds()
	if parts.Has(6) {
		c.readFurther(r, version)
	}
}

// takeKinds makes refusals and suppressions of channels that are of a kind now ones of their kind, as they are since there are
// kinds. What allows one channel allows no other.
func (c *Customer) takeKinds() {
	if slices.ContainsFunc(c.Consents, func(word Consent) bool { return word.Strict() != word }) {
		words := c.Consents
		c.Consents = nil
		slices.SortStableFunc(words, Consent.compare)
		for _, word := range words {
			c.Say(word)
		}
	}
	if slices.ContainsFunc(c.Suppressions, func(s Suppression) bool { return IsFurther(s.Channel) }) {
		all := c.Suppressions
		c.Suppressions = nil
		for _, s := range all {
			c.Suppress(s)
		}
	}
}

func readIdentities(r *RecordReader) []Identity {
	n := r.List(leastIdentity)
	if n == 0 {
		return nil
	}
	identities := make([]Identity, n)
	for i := range identities {
		identities[i] = Identity{Kind: IdentityKind(r.Text()), Value: r.Text()}
	}
	return identities
}
