package script

import "time"

// Limits of one run. The number of steps is the real one, because it is the same on every machine; the wall clock
// only guards against what the steps do not see.
type Limits struct {
	Steps int           // machine instructions and their equivalents in library work; default 200,000
	Wall  time.Duration // default 200 ms; stalls of the machine are forgiven up to as much again, those of reading the past wholly
	Idle  int           // how many warm Lua states are kept; default 16
}

// Limits of sources.
const (
	MaxLuaBytes     = 64 << 10  // one Lua file
	MaxMessageBytes = 256 << 10 // one message file
	MaxFiles        = 500       // files of one journey
	maxHandlers     = 200       // that one file registers
	maxFrontBytes   = 8 << 10   // the front matter of a message
	maxNesting      = 100       // brackets and blocks inside each other
	maxDepth        = 400       // of the syntax tree
)

// Limits of what a run may build.
const (
	MaxStringBytes    = 256 << 10 // the longest string a script can make
	maxSubjectBytes   = 64 << 10  // the longest text that is searched by a pattern
	maxPatternBytes   = 1 << 10
	maxResults        = 250 // values returned at once by unpack and string.byte
	maxLogBytes       = 1000
	maxAddressBytes   = 2000 // the address of a webhook
	maxFilter         = 20   // properties that a wait_for compares
	maxValues         = 100  // that split and choose pick from
	maxPoints         = 1e9  // given at once
	MaxJournalEntries = 4096
	MaxJournalBytes   = 64 << 10
	callStackSize     = 64
	registrySize      = 512
	registryMaxSize   = 8192
	maxArrayIndex     = 1 << 16 // a table's keys from here on live in its hash part
)

// What costs more than one step.
const (
	costTable   = 24  // a new table
	costProtect = 16  // a pcall
	costError   = 256 // an error that is caught
	costBytes   = 16  // this many bytes of a new string cost one step
	costHeld    = 512 // this many bytes of the longest string beyond longBytes make each instruction cost one step more
	longBytes   = 4 << 10
	costMatch   = 8   // this many steps of the pattern matcher cost one step
	costGap     = 4   // this many empty slots of an array cost one step
	costEmpty   = 100 // this many empty slots, beyond freeEmpty of them, make each instruction cost one step more
	freeEmpty   = 64
	costGone    = 8  // this many keys that were taken away cost one step at each next
	costMeant   = 64 // this many letters compared with letters, to find out what a wrong name was meant to be, cost one step
	costSeen    = 32 // this many fields looked at before cost one step at the next
)

func (l Limits) withDefaults() Limits {
	if l.Steps <= 0 {
		l.Steps = 200_000
	}
	if l.Wall <= 0 {
		l.Wall = 200 * time.Millisecond
	}
	if l.Idle <= 0 {
		l.Idle = 16
	}
	return l
}
