package engine

import (
	"encoding/binary"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// The engine's keys within a partition. The first byte is the kind; delivery and insight have kinds of their own
// (m, o, b, k and K).
//
//	c customer                       -> lifecycle.Customer
//	i identity hash                  -> ID of the customer it belongs to, where that is not the hash itself
//	d 30-day epoch, mark             -> when a message ID was seen
//	D source hash, mark              -> a line of an import that was taken
//	e customer, seq (newest first)   -> TimelineEntry
//	r customer, run                  -> run that waits
//	R                                -> the list of events over all customers; see events_index.go
//	t due, customer                  -> the customer's earliest timer
//	h source hash, customer          -> a customer whose timers an open import holds back
//	H source hash                    -> importRecord; with m behind it: the saved mapping of the source
//	j                                -> the journeys: versions and modes
//	v version                        -> the files of a version of a journey
//	s file hash                      -> a file of a version that was stored before versions were packed
//	f time, mark, n                  -> an instruction for another partition
//	F time, mark, n                  -> an instruction that was refused there
//	x time (newest first), ID        -> DeadLetter
//	W time, journey                  -> JourneyPast: what a journey became then
//	O                                -> forms, see forms.go
//	A identity hash                  -> claimed: who else has it, whether anything may go there
//	I identity hash                  -> Suspicion
//	S, T                             -> segments, see segments.go
//	C                                -> scoreTable
//	Q                                -> lifecycle.Ranks
//	G, B, L                          -> broadcasts, see broadcast_state.go
//	M                                -> bulks, see bulk_state.go
//	E                                -> who was erased, and what is still to be removed; see erase.go
//	U customer, time, n              -> what was said about consent, and how; see said.go
//	P                                -> sources: how they stand, and what was not taken; see sources.go and posted.go
//	N hash                           -> lifecycle.APIKey, in the first partition
//	Y day, mark                      -> Reply to a request with an Idempotency-Key
//	Z customer                       -> identities for which their record has no room; see surplus.go
func customerKey(id lifecycle.ID) []byte { return append([]byte{'c'}, id[:]...) }
func identityKey(id lifecycle.ID) []byte { return append([]byte{'i'}, id[:]...) }

func markKey(epoch uint32, mark lifecycle.ID) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{'d'}, epoch), mark[:]...)
}

func lineKey(source, mark lifecycle.ID) []byte {
	return append(append([]byte{'D'}, source[:]...), mark[:]...)
}

func timelinePrefix(customer lifecycle.ID) []byte { return append([]byte{'e'}, customer[:]...) }

func timelineKey(customer lifecycle.ID, seq uint64) []byte {
	return binary.BigEndian.AppendUint64(timelinePrefix(customer), ^seq)
}

func runKey(customer, run lifecycle.ID) []byte {
	return append(append([]byte{'r'}, customer[:]...), run[:]...)
}

func timerKey(due time.Time, customer lifecycle.ID) []byte {
	return append(store.AppendTime([]byte{'t'}, due), customer[:]...)
}

func heldPrefix(source lifecycle.ID) []byte { return append([]byte{'h'}, source[:]...) }

func heldKey(source, customer lifecycle.ID) []byte { return append(heldPrefix(source), customer[:]...) }

func importKey(source lifecycle.ID) []byte { return append([]byte{'H'}, source[:]...) }

func journeysKey() []byte { return []byte{'j'} }

func fileKey(hash lifecycle.ID) []byte { return append([]byte{'s'}, hash[:]...) }

func versionKey(version string) []byte { return append([]byte{'v'}, version...) }

func instructionKey(at time.Time, mark lifecycle.ID, n byte) []byte {
	return append(append(store.AppendTime([]byte{'f'}, at), mark[:]...), n)
}

func deadLetterKey(at time.Time, id lifecycle.ID) []byte {
	return append(store.AppendTimeNewestFirst([]byte{'x'}, at), id[:]...)
}

func sourceID(source string) lifecycle.ID { return lifecycle.HashID("import", source) }
