// Package script compiles, sandboxes and runs stage scripts. It is the only importer of the Lua machine; a script gets
// a snapshot, a time and a journal, and gives back a decision. It touches no store, no network and no clock.
//
// Where to begin: api.go is the contract with the engine, host.go and run.go run a handler, compile.go turns a folder
// of files into a Program. reference.go lists what a script can say; words*.go and plan.go say what it does, journal.go
// how a run is taken up again. check*.go look a folder over without running it, flow*.go draw a file, testing*.go run
// the tests.
package script
