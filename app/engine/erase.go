package engine

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strconv"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// Somebody who is erased is gone with the commit that takes their record: nobody finds them any more, nothing of theirs
// fires or leaves. What else there is of them goes in chunks right after it, in the partitions of all their identities. A
// keyed hash of each identity stays: what happened before is not taken again from anywhere, and nothing is sent to them if
// they come back. What was counted stays counted.
//
// Keys of erasures:
//
//	E h keyed hash -> remembrance, in the partition of the identity
//	E j hash       -> forgetting: what is still to be removed
//	E f customer   -> scrub: what is still to be removed from files beside the store

// Forgetter removes what the outbox keeps of a customer who had these IDs, a part at a time, inside Apply.
type Forgetter interface {
	// Forget looks at so much from a position on, and returns where to go on; nil at the end.
	Forget(tx store.Tx, ids []lifecycle.ID, from []byte, look int) (next []byte, err error)
	// ForgetBodies takes out of messages decided in [since, before) what they said.
	ForgetBodies(tx store.Tx, since, before time.Time, from []byte, look int) (next []byte, err error)
}

// SetForgetter names who forgets messages. It is called before anything happens.
func (e *Engine) SetForgetter(f Forgetter) { e.forgetter = f }

// SetApplicants says by which anonymous ID whoever sends a form with a mail address is kept until it is confirmed. It is
// called before anything happens.
func (e *Engine) SetApplicants(name func(email string) string) { e.applicants = name }

// applicant returns who has sent forms with a mail address; false for another identity.
func (e *Engine) applicant(identity lifecycle.Identity) (lifecycle.Identity, bool) {
	if e.applicants == nil || identity.Kind != lifecycle.EmailIdentity {
		return lifecycle.Identity{}, false
	}
	return lifecycle.Identity{Kind: lifecycle.AnonymousID, Value: e.applicants(identity.Value)}, true
}

// Bounds of a chunk of forgetting.
const (
	forgetKeys  = 500
	forgetLook  = 500
	forgetSteps = 20 // before the partition's other chores have their turn
)

// applyErasures handles the inputs of erasing and of keeping only so long; handled is false for others.
func (e *Engine) applyErasures(tx store.Tx, input any) (answer any, handled bool, err error) {
	switch in := input.(type) {
	case erase:
		answer, err = e.erase(tx, in)
	case forget:
		answer, err = nil, e.forget(tx, in)
	case forgetStep:
		answer, err = nil, e.forgetStep(tx, in)
	case takeErasures:
		answer, err = nil, e.takeErasures(tx, in)
	case scrubbed:
		tx.Delete(scrubKey(in.Customer))
	case dropEntries:
		e.dropEntries(tx, in)
	case dropBodies:
		answer, err = e.dropBodies(tx, in)
	default:
		return nil, false, nil
	}
	return answer, true, err
}

// askErasures answers questions about them.
func (e *Engine) askErasures(tx store.Reader, query any) (answer any, handled bool, err error) {
	switch q := query.(type) {
	case firstForgetting:
		answer = e.firstForgetting(tx)
	case erasuresOf:
		answer = e.erasuresOf(tx)
	case scrubs:
		answer, err = e.scrubs(tx)
	case wasErasedHere:
		_, answer = e.remembered(tx, q.Customer)
	case oldEntries:
		answer, err = e.oldEntries(tx, q)
	case idleAnonymous:
		answer, err = e.idleAnonymous(tx, q)
	case bodiesSince:
		answer = readBodiesSince(tx)
	case personPage:
		answer, err = e.personPage(tx, q)
	default:
		return nil, false, nil
	}
	return answer, true, err
}

// maxScrubMessages is how many messages are looked for in files by their IDs, the newest.
const maxScrubMessages = 20_000

// becauseErased is why an erased customer leaves segments.
const becauseErased = "erased"

// What a remembrance says besides when the erasure was.
const (
	erasedInPart = 0 // the identity is an address, or a browser's: others may have it later
	erasedWhole  = 1 // it names a person: nothing is sent to whoever has it
)

// keyedHash is what stays of an identity.
func (e *Engine) keyedHash(identity lifecycle.ID) lifecycle.ID {
	mac := hmac.New(sha256.New, e.options.ErasureKey)
	mac.Write(identity[:])
	return lifecycle.ID(mac.Sum(nil)[:16])
}

func erasedKey(keyed lifecycle.ID) []byte { return append([]byte{'E', 'h'}, keyed[:]...) }

func forgettingKey(id lifecycle.ID) []byte { return append([]byte{'E', 'j'}, id[:]...) }

func scrubKey(customer lifecycle.ID) []byte { return append([]byte{'E', 'f'}, customer[:]...) }

// remembrance is what is kept of an erased identity.
type remembrance struct {
	at    time.Time
	whole bool
}

func (r remembrance) bytes() []byte {
	kind := byte(erasedInPart)
	if r.whole {
		kind = erasedWhole
	}
	return append(binary.BigEndian.AppendUint64(nil, uint64(r.at.UnixNano())), kind)
}

func readRemembrance(data []byte) (remembrance, bool) {
	if len(data) != 9 {
		return remembrance{}, false
	}
	return remembrance{time.Unix(0, int64(binary.BigEndian.Uint64(data))).UTC(), data[8] == erasedWhole}, true
}

// remembered reports whether an identity was erased. It is asked where somebody new comes, by anybody.
func (e *Engine) remembered(tx store.Reader, identity lifecycle.ID) (remembrance, bool) {
	key := erasedKey(e.keyedHash(identity))
	if !tx.Has(key) {
		return remembrance{}, false
	}
	return readRemembrance(tx.Get(key))
}

// erased is remembered for the single writer of a partition, who knows whether there is anything to remember at all.
func (e *Engine) erased(tx store.Reader, identity lifecycle.ID) (remembrance, bool) {
	if !e.anyErasures(tx) {
		return remembrance{}, false
	}
	return e.remembered(tx, identity)
}

// leaving reports whether what lay under an ID is still being removed: nobody begins there meanwhile.
func (e *Engine) leaving(tx store.Reader, id lifecycle.ID) bool {
	return e.anyErasures(tx) && tx.Has(forgettingKey(id))
}

func (e *Engine) anyErasures(tx store.Reader) bool {
	part := &e.parts[tx.Partition()]
	if !part.erasuresKnown {
		part.erasuresKnown, part.erasures = true, false
		for _, kind := range []byte{'h', 'j'} {
			tx.Scan([]byte{'E', kind}, []byte{'E', kind + 1}, func(_, _ []byte) bool {
				part.erasures = true
				return false
			})
		}
	}
	return part.erasures
}

// keepErased remembers an erasure. Of two the later one holds.
func (e *Engine) keepErased(tx store.Tx, keyed lifecycle.ID, r remembrance) {
	part := &e.parts[tx.Partition()]
	part.erasuresKnown, part.erasures = true, true
	if was, ok := readRemembrance(tx.Get(erasedKey(keyed))); ok {
		r.whole = r.whole || was.whole
		r.at = later(r.at, was.at)
	}
	tx.Set(erasedKey(keyed), r.bytes())
}

// greet keeps everything from somebody new who was erased under this name.
func (e *Engine) greet(tx store.Reader, c *lifecycle.Customer) {
	if r, ok := e.erased(tx, c.ID); ok && r.whole {
		c.Suppress(lifecycle.Suppression{Reason: lifecycle.SuppressedErased, At: r.at})
	}
}

// greetIdentity keeps everything from an erased address that a customer has got, or from a customer who has got an erased
// name. It reports whether the claim is older than the erasure, and is not to be taken.
func (e *Engine) greetIdentity(tx store.Tx, in link) (tooOld bool) {
	r, ok := e.erased(tx, in.Identity.Hash())
	if !ok {
		return false
	}
	if !in.At.After(r.at) {
		return true
	}
	var channels []string
	switch in.Identity.Kind {
	case lifecycle.EmailIdentity:
		channels = []string{"email"}
	case lifecycle.PhoneIdentity:
		channels = []string{"sms", "call"}
	case lifecycle.DeviceIdentity:
		channels = []string{"push"}
	}
	suppress := func(s lifecycle.Suppression) {
		s.Reason, s.At = lifecycle.SuppressedErased, r.at
		e.instruct(tx, in.At, lifecycle.HashID("erased", in.Customer.Part(), in.Identity.Hash().Part(), s.Channel), 34,
			instruction{Ban: &ban{Identity: in.Identity, Suppression: s, Customer: in.Customer, At: in.At}})
	}
	for _, channel := range channels {
		suppress(lifecycle.Suppression{Channel: channel, Address: in.Identity.Value})
	}
	if len(channels) == 0 && r.whole {
		suppress(lifecycle.Suppression{})
	}
	return false
}

// erase is the input "forget this customer". One who is retired is forgotten without a trace: they may come back.
type erase struct {
	Customer lifecycle.ID
	At       time.Time
	Messages []lifecycle.ID // by which connectors know them
	Retire   bool
	Idle     time.Time // of one who is retired: only if nothing happened to them since
}

type eraseAnswer struct {
	Redirect lifecycle.ID // where the customer has gone; zero: here
	Customer lifecycle.ID
	Gone     bool
}

func (e *Engine) erase(tx store.Tx, in erase) (eraseAnswer, error) {
	id, record, here := e.find(tx, in.Customer)
	switch {
	case !here:
		return eraseAnswer{Redirect: id}, nil
	case record == nil:
		return eraseAnswer{}, lifecycle.Errorf(lifecycle.NotFound, "there is no such customer")
	}
	s, err := e.openRecord(tx, id, record)
	if err != nil {
		return eraseAnswer{}, err
	}
	c := s.customer
	if in.Retire && (!anonymous(c) || c.Clock.After(in.Idle)) {
		return eraseAnswer{Customer: id}, nil
	}
	s.at, s.now = in.At, later(c.Lapsed(in.At), c.Clock)
	if !c.Applicant() { // whom nothing counts
		s.leaveFigures()
	}
	s.leaveSegments(becauseErased)
	if !c.Due.IsZero() {
		tx.Delete(timerKey(c.Due, id))
	}
	s.release()
	tx.Delete(customerKey(id))
	s.fold()
	for i := range c.Visits {
		for _, ref := range c.Visits[i].Runs {
			tx.Delete(runKey(id, ref.ID))
		}
	}
	identities := slices.Clone(c.Identities)
	for _, known := range addressTraits {
		if identity, ok := traitIdentity(c.Traits[known.trait], known.channel); ok && !slices.Contains(identities, identity) {
			identities = append(identities, identity)
		}
	}
	order := forget{Customer: id, IDs: []lifecycle.ID{id}, At: in.At, Retire: in.Retire}
	if err = e.forgetIdentities(tx, &order, identities, c.Named()); err != nil {
		return eraseAnswer{}, err
	}
	if c.Acquired != nil && !c.Acquired.By.IsZero() && !c.Referred.IsZero() {
		friend := order
		friend.Hash, friend.Friend = c.Acquired.By, true
		e.instruct(tx, in.At, lifecycle.HashID("forget friend", id.Part()), 36, instruction{Forget: &friend})
	}
	if !in.Retire {
		for p := range lifecycle.Partitions {
			all := order
			all.Everywhere = p + 1
			e.instruct(tx, in.At, all.cause(), 37, instruction{Forget: &all})
		}
		tx.Set(scrubKey(id), store.Encode(&Scrub{Customer: id, Values: order.Values, Messages: in.Messages[:min(len(in.Messages), maxScrubMessages)]}))
	}
	return eraseAnswer{Customer: id, Gone: true}, nil
}

// forgetIdentities lets the partitions of all identities of somebody forget them, and this one.
func (e *Engine) forgetIdentities(tx store.Tx, order *forget, identities []lifecycle.Identity, named bool) error {
	for _, identity := range slices.Clone(identities) {
		if applicant, is := e.applicant(identity); is && !slices.Contains(identities, applicant) {
			identities = append(identities, applicant)
		}
	}
	for _, identity := range identities {
		if hash := identity.Hash(); !slices.Contains(order.IDs, hash) {
			order.IDs = append(order.IDs, hash)
		}
		if len(identity.Value) >= minNeedle {
			order.Values = append(order.Values, identity.Value)
		}
	}
	for _, identity := range identities {
		if hash := identity.Hash(); hash != order.Customer {
			one := order.of(identity, hash, namesPerson(identity.Kind))
			e.instruct(tx, order.At, lifecycle.HashID("forget", order.Customer.Part(), hash.Part()), 35, instruction{Forget: &one})
		}
	}
	return e.forget(tx, order.of(lifecycle.Identity{Kind: lifecycle.UserID}, order.Customer, named))
}

// forgetLoser forgets somebody who was becoming one with a customer when that one was erased.
func (e *Engine) forgetLoser(tx store.Tx, in adopt) error {
	if in.Loser == nil {
		return nil // of their timeline there is nothing but what came here
	}
	order := forget{Customer: in.Customer, IDs: []lifecycle.ID{in.Customer, in.From}, At: in.At}
	return e.forgetIdentities(tx, &order, in.Loser.Identities, in.Loser.Named())
}

// anonymous reports whether nobody knows more of a customer than a browser or an app.
func anonymous(c *lifecycle.Customer) bool {
	for _, identity := range c.Identities {
		if identity.Kind != lifecycle.AnonymousID && identity.Kind != lifecycle.DeviceIdentity {
			return false
		}
	}
	_, mail := c.Traits["email"]
	_, phone := c.Traits["phone"]
	return !mail && !phone
}

// namesPerson reports whether nobody else gets an identity later.
func namesPerson(kind lifecycle.IdentityKind) bool {
	return kind == lifecycle.UserID || kind.External() != ""
}

// minNeedle is the shortest text that is looked for in what cannot be told apart otherwise.
const minNeedle = 4

// forget is the input "forget what you have of this identity of an erased customer". One that is for everywhere is about
// what a partition could not take, and one for a friend about what is said of them there.
type forget struct {
	Hash       lifecycle.ID // of the identity
	Customer   lifecycle.ID // who had it
	IDs        []lifecycle.ID
	Values     []string
	At         time.Time
	Whole      bool // the identity names a person
	Owner      bool // something may lie under it as under a customer's ID
	Retire     bool
	Everywhere int // partition + 1
	Pass       int // of what is for everywhere
	Friend     bool
}

// cause names what is for everywhere.
func (f *forget) cause() lifecycle.ID {
	return lifecycle.HashID("forget everywhere", f.Customer.Part(), strconv.Itoa(f.Everywhere), strconv.Itoa(f.Pass))
}

func (f forget) of(identity lifecycle.Identity, hash lifecycle.ID, whole bool) forget {
	f.Hash, f.Whole, f.Owner = hash, whole, identity.Kind.ByName()
	return f
}

func (f *forget) partition() int {
	if f.Everywhere > 0 {
		return f.Everywhere - 1
	}
	return f.Hash.Partition()
}

// forgetting is what is still to be removed of one identity.
type forgetting struct {
	forget
	Phase int
	From  []byte
}

func (e *Engine) forget(tx store.Tx, in forget) error {
	switch {
	case in.Everywhere > 0:
		return e.forgetRefused(tx, in)
	case in.Friend:
		return e.forgetFriend(tx, in)
	}
	theirs := true
	if err := e.dropApplicant(tx, in.Hash); err != nil {
		return err
	}
	if tx.Has(customerKey(in.Hash)) {
		theirs = false // it is somebody's own first name, whoever else said it
	} else if leads := tx.Get(identityKey(in.Hash)); leads != nil {
		if theirs = slices.Contains(in.IDs, lifecycle.ID(leads)); theirs {
			tx.Delete(identityKey(in.Hash))
		}
	}
	if data := tx.Get(claimedKey(in.Hash)); data != nil {
		var known claimed
		if err := store.Decode(data, &known); err != nil {
			return lifecycle.Wrap(lifecycle.Internal, err, "what is known of an identity cannot be read")
		}
		known.By = slices.DeleteFunc(known.By, func(by claimant) bool { return slices.Contains(in.IDs, by.Customer) })
		if len(known.By) > 0 || !theirs {
			theirs = false
			known.write(tx)
		} else {
			tx.Delete(claimedKey(in.Hash))
		}
	}
	if theirs {
		if key := suspicionKey(in.Hash); tx.Has(key) {
			tx.Delete(key)
		}
		if !in.Retire {
			e.keepErased(tx, e.keyedHash(in.Hash), remembrance{in.At, in.Whole})
		}
	}
	tx.Set(forgettingKey(in.Hash), store.Encode(&forgetting{forget: in}))
	part := &e.parts[tx.Partition()]
	part.erasuresKnown, part.erasures = true, true
	e.rouseForgetting(tx)
	return nil
}

func (e *Engine) rouseForgetting(tx store.Tx) {
	part := &e.parts[tx.Partition()]
	tx.After(func() { part.forgetting.Store(true) })
	e.hint(tx, time.Unix(0, 0))
}

// forgetStep is the input "remove the next part".
type forgetStep struct{ Hash lifecycle.ID }

// What is removed of an identity, one after the other. Messages come last, and take longest.
const (
	forgetOwn = iota
	forgetLists
	forgetLetters
	forgetMessages
	forgotten
)

func (e *Engine) forgetStep(tx store.Tx, in forgetStep) error {
	key := forgettingKey(in.Hash)
	data := tx.Get(key)
	if data == nil {
		return nil
	}
	var job forgetting
	if err := store.Decode(data, &job); err != nil {
		return lifecycle.Wrap(lifecycle.Internal, err, "an erasure cannot be read")
	}
	var next []byte
	var err error
	switch job.Phase {
	case forgetOwn:
		next, err = e.forgetOwn(tx, &job)
	case forgetLists:
		err = e.forgetLists(tx, &job)
	case forgetLetters:
		next, err = e.forgetLetters(tx, &job)
	case forgetMessages:
		if e.forgetter != nil {
			next, err = e.forgetter.Forget(tx, job.IDs, job.From, forgetLook)
		}
	}
	if err != nil {
		return err
	}
	if job.From = next; next == nil {
		job.Phase++
	}
	if job.Phase == forgetLists && !job.Owner || job.Phase >= forgotten {
		tx.Delete(key)
		return nil
	}
	tx.Set(key, store.Encode(&job))
	return nil
}

// forgetOwn removes what lies under an ID: the timeline, runs, words of consent, applications.
func (e *Engine) forgetOwn(tx store.Tx, job *forgetting) (next []byte, err error) {
	id := job.Hash
	if tx.Has(customerKey(id)) {
		job.Owner = false // somebody came under this name meanwhile, or it was somebody else's all the time
		return nil, nil
	}
	var keys [][]byte
	var given []string // forms that wait for nobody any more
	for _, prefix := range [][]byte{timelinePrefix(id), append([]byte{'r'}, id[:]...), saidPrefix(id), applicationPrefix(id), askedKey(id)} {
		tx.Scan(prefix, store.PrefixEnd(prefix), func(key, value []byte) bool {
			if prefix[0] == 'e' {
				e.forgetNamed(tx, job, value)
			}
			var a Application
			if string(prefix[:2]) == "Op" && store.Decode(value, &a) == nil && a.Confirmed.IsZero() {
				given = append(given, a.Form)
			}
			keys = append(keys, bytes.Clone(key))
			return len(keys) < forgetKeys
		})
		if len(keys) >= forgetKeys {
			next = []byte{}
			break
		}
	}
	for _, key := range keys {
		tx.Delete(key)
	}
	for _, form := range given {
		if err = countForm(tx, form, func(c *FormCounts) { c.Expired++ }); err != nil {
			return nil, err
		}
	}
	return next, nil
}

// forgetNamed looks in an entry of the timeline for addresses that the customer had once, and for who has become part of
// them: one who has very many identities does not have all of them in their record.
func (e *Engine) forgetNamed(tx store.Tx, job *forgetting, value []byte) {
	var entry TimelineEntry
	if store.Decode(value, &entry) != nil {
		return
	}
	too := func(kind lifecycle.IdentityKind, hash lifecycle.ID) {
		if slices.Contains(job.IDs, hash) {
			return
		}
		job.IDs = append(job.IDs, hash)
		one := job.of(lifecycle.Identity{Kind: kind}, hash, false)
		one.IDs = job.IDs
		e.instruct(tx, job.At, lifecycle.HashID("forget", job.Customer.Part(), hash.Part()), 35, instruction{Forget: &one})
	}
	if !entry.From.IsZero() {
		too(lifecycle.AnonymousID, entry.From)
	}
	if entry.Event == nil {
		return
	}
	passing, _ := contextTraits(entry.Event.Context)
	for _, raw := range [][]byte{entry.Event.Traits, passing} {
		for _, identity := range addressesIn(raw) {
			too(identity.Kind, identity.Hash())
			if applicant, is := e.applicant(identity); is {
				too(applicant.Kind, applicant.Hash())
			}
		}
	}
}

// forgetLists takes the customer off the lists of broadcasts and bulks.
func (e *Engine) forgetLists(tx store.Tx, job *forgetting) error {
	var names []string
	if err := shares(tx, func(b *broadcastShare) { names = append(names, b.Name) }); err != nil {
		return err
	}
	prefix := bulkShareKey("")
	tx.Scan(prefix, store.PrefixEnd(prefix), func(key, _ []byte) bool {
		names = append(names, bulkList(string(key[len(prefix):])))
		return true
	})
	for _, name := range names {
		for _, id := range job.IDs {
			if key := listKey(name, id); tx.Has(key) {
				tx.Delete(key)
			}
		}
	}
	return nil
}

// forgetLetters removes steps that were set aside.
func (e *Engine) forgetLetters(tx store.Tx, job *forgetting) (next []byte, err error) {
	from := []byte{'x'}
	if len(job.From) > 0 {
		from = job.From
	}
	var keys [][]byte
	look := forgetLook
	tx.Scan(from, []byte{'x' + 1}, func(key, value []byte) bool {
		if look--; look < 0 {
			next = bytes.Clone(key)
			return false
		}
		if mentionsAny(value, job.IDs) {
			keys = append(keys, bytes.Clone(key))
		}
		return true
	})
	for _, key := range keys {
		tx.Delete(key)
	}
	return next, nil
}

func mentionsAny(value []byte, ids []lifecycle.ID) bool {
	return slices.ContainsFunc(ids, func(id lifecycle.ID) bool { return bytes.Contains(value, id[:]) })
}

// forgetRefused removes what a partition could not take, if it is about the customer: instructions that were set aside,
// and what sources sent. What was answered to requests goes whoever it was about: it need not name them.
func (e *Engine) forgetRefused(tx store.Tx, in forget) error {
	more, err := forgetReplies(tx)
	if err != nil {
		return err
	}
	var keys [][]byte
	for _, prefix := range [][]byte{{'F'}, {'P', 'r'}} {
		tx.Scan(prefix, store.PrefixEnd(prefix), func(key, value []byte) bool {
			if mentionsAny(value, in.IDs) || Names(value, in.Values) {
				keys = append(keys, bytes.Clone(key))
			}
			return len(keys) < maxForgetRefused
		})
	}
	for _, key := range keys {
		tx.Delete(key)
	}
	if more || len(keys) >= maxForgetRefused {
		in.Pass++
		e.instruct(tx, in.At, in.cause(), 37, instruction{Forget: &in})
	}
	return nil
}

const maxForgetRefused = 1000

// Names reports whether a text has one of the values in it as a whole word, however it is written in capitals: "ada@x.example"
// is not in "nada@x.example".
func Names(text []byte, values []string) bool {
	lower := bytes.ToLower(text)
	for _, value := range values {
		needle := bytes.ToLower([]byte(value))
		for at := 0; len(needle) > 0; {
			found := bytes.Index(lower[at:], needle)
			if found < 0 {
				break
			}
			begin, end := at+found, at+found+len(needle)
			if (begin == 0 || !wordByte(lower[begin-1])) && (end == len(lower) || !wordByte(lower[end])) {
				return true
			}
			at = begin + 1
		}
	}
	return false
}

func wordByte(b byte) bool { return b >= 'a' && b <= 'z' || b >= '0' && b <= '9' || b >= 0x80 }

// forgetFriend takes the friend's name out of what told somebody that a friend whom they brought has ordered.
func (e *Engine) forgetFriend(tx store.Tx, in forget) error {
	id, here := e.follow(tx, in.Hash)
	if !here {
		in.Hash = id
		e.instruct(tx, in.At, lifecycle.HashID("forget friend", in.Customer.Part(), id.Part()), 36, instruction{Forget: &in})
		return nil
	}
	type change struct {
		key   []byte
		value []byte
	}
	var changes []change
	prefix := timelinePrefix(id)
	tx.Scan(prefix, store.PrefixEnd(prefix), func(key, value []byte) bool {
		var entry TimelineEntry
		if !bytes.Contains(value, []byte(referralConverted)) || store.Decode(value, &entry) != nil || entry.Event == nil {
			return true
		}
		if entry.Event.Name == referralConverted && slices.ContainsFunc(in.IDs, func(id lifecycle.ID) bool {
			return bytes.Contains(entry.Event.Properties, []byte(id.String()))
		}) {
			entry.Event.Properties = []byte(`{}`)
			changes = append(changes, change{bytes.Clone(key), store.Encode(&entry)})
		}
		return len(changes) < forgetKeys
	})
	for _, c := range changes {
		tx.Set(c.key, c.value)
	}
	return nil
}

// forgetSome does the next part of what is to be forgotten in a partition.
func (e *Engine) forgetSome(ctx context.Context, p int, _ time.Time) (bool, error) {
	part := &e.parts[p]
	if !part.forgetting.Swap(false) {
		return false, nil
	}
	answer, err := e.store.Ask(ctx, p, firstForgetting{})
	if err == nil && answer.(lifecycle.ID).IsZero() {
		return false, nil
	}
	part.forgetting.Store(true)
	for range forgetSteps {
		if err == nil && !answer.(lifecycle.ID).IsZero() {
			if _, err = e.store.Do(ctx, p, forgetStep{answer.(lifecycle.ID)}); err == nil {
				answer, err = e.store.Ask(ctx, p, firstForgetting{})
			}
		}
	}
	return true, err
}

// firstForgetting asks for an identity of which something is still to be removed.
type firstForgetting struct{}

func (e *Engine) firstForgetting(tx store.Reader) (first lifecycle.ID) {
	prefix := []byte{'E', 'j'}
	tx.Scan(prefix, store.PrefixEnd(prefix), func(key, _ []byte) bool {
		first = lifecycle.ID(key[2:])
		return false
	})
	return first
}
