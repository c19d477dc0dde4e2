package script

import (
	"maps"
	"slices"
	"time"

	lua "github.com/yuin/gopher-lua"

	"stagecraft/app/lifecycle"
)

// intakeMachine is a Lua state with the same sandbox as that of stages, and the words of sources in place of theirs.
type intakeMachine struct {
	*machine
	requestMeta, headerMeta *lua.LTable

	intakeRun // the present one; zeroed afterwards
}

// intakeRun is everything that belongs to one run of a source.
type intakeRun struct {
	intake  *Intake
	loading *Intake // while it is compiled: what it says of itself goes here
	request *Request
	raw     []byte // the body, or the row
	trust   bool   // nobody asks for a signature
	now     time.Time

	declared     bool
	receive, row *lua.LFunction

	verified    bool
	events      []lifecycle.Event
	unfitEvents []error // why further events are none
	answer      string
	refused     error
	ids         map[string]int // how often the script gave an event an id
}

func newIntakeMachine() *intakeMachine {
	m := &intakeMachine{machine: newMachine()}
	L := m.L
	words := m.envMeta.RawGetString("__index").(*lua.LTable)
	for name := range m.stageWords() {
		words.RawSetString(name, lua.LNil)
	}
	all := m.intakeWords()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		words.RawSetString(name, L.NewFunction(all[name]))
	}
	verify := L.CreateTable(0, 4)
	ways := m.verifyWords()
	for _, name := range slices.Sorted(maps.Keys(ways)) {
		verify.RawSetString(name, L.NewFunction(ways[name]))
	}
	words.RawSetString("verify", m.frozen(verify))
	words.RawSetString("null", &lua.LUserData{Value: null{}})
	m.requestMeta = m.readOnly(m.requestField)
	m.headerMeta = m.readOnly(m.headerField)
	return m
}

// null is what the word null stands for: JSON's null, which removes a trait. A field that is nil is not there at all.
type null struct{}

func isNull(value lua.LValue) bool {
	object, ok := value.(*lua.LUserData)
	if !ok {
		return false
	}
	_, ok = object.Value.(null)
	return ok
}

// readOnly is the metatable of what is read by a function and cannot be set.
func (m *intakeMachine) readOnly(read lua.LGFunction) *lua.LTable {
	meta := m.L.CreateTable(0, 3)
	meta.RawSetString("__index", m.L.NewFunction(read))
	meta.RawSetString("__newindex", m.refuseSet)
	meta.RawSetString("__metatable", lua.LFalse)
	return meta
}

func (m *intakeMachine) intakeWords() map[string]lua.LGFunction {
	return map[string]lua.LGFunction{
		"source": m.wordSource, "receive": m.wordReceive, "row": m.wordRow, "use": m.wordUse,
		"event": m.wordEvent, "identify": m.wordIdentify, "refuse": m.wordRefuse, "answer": m.wordAnswer,
		"json": m.wordJSON, "form": m.wordForm,
	}
}

func (m *intakeMachine) verifyWords() map[string]lua.LGFunction {
	return map[string]lua.LGFunction{"hmac_sha256": m.verifyHMAC, "token": m.verifyToken}
}

// intakeVocabulary is what every source finds defined.
func intakeVocabulary() *vocabulary {
	known, m := newVocabulary(), &intakeMachine{machine: &machine{}}
	for _, word := range known.stage {
		delete(known.words, word)
	}
	known.stage = slices.Sorted(maps.Keys(m.intakeWords()))
	for _, word := range append(known.stage, "verify", "null") {
		known.words[word] = true
	}
	known.fields["verify"] = slices.Sorted(maps.Keys(m.verifyWords()))
	return known
}

// handling refuses a word while the file is being loaded, or before the sender has proved to be who it is.
func (m *intakeMachine) handling(L *lua.LState, word string) {
	if m.toplevel {
		m.fail(L, "put it into receive or row", "%s is called while the file is loaded", word)
	}
	if !m.trust && !m.verified {
		m.fail(L, `say verify.hmac_sha256 { … } or verify.token { … } first; where the provider signs nothing, say source { open = true }`,
			"%s comes before the request was verified", word)
	}
}

// reading runs what reads values that came from outside, and returns what is wrong with them. That is not the script's fault,
// which goes on.
func (m *intakeMachine) reading(read func()) (wrong *lifecycle.Error) {
	m.catching = true
	defer func() {
		m.catching = false
		if r := recover(); r != nil {
			c, ours := r.(caught)
			if !ours {
				panic(r)
			}
			wrong = c.err
		}
	}()
	read()
	return nil
}

// refuseNow ends the run with an error that no pcall catches and that is not the script's fault.
func (m *intakeMachine) refuseNow(L *lua.LState, err error) {
	m.refused = err
	m.stop(L, haltFatal)
}
