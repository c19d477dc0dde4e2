package engine

import "stagecraft/app/script"

// CheckBroadcast and CompileBroadcast are for the fuzz test.
func CheckBroadcast(b *Broadcast) error { return b.check() }

// CompileBroadcast compiles a definition whose messages are its own.
func CompileBroadcast(b *Broadcast) error {
	source, err := b.source(nil)
	if err == nil {
		_, err = script.New(script.Limits{}).Compile(source)
	}
	return err
}
