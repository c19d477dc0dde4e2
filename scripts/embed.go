// Package scripts holds the built-in journeys: one folder per journey, one Lua file per stage, with the messages in
// messages/ and the tests beside the scripts, embedded in the binary.
package scripts

import "embed"

// Files is the folder of built-in journeys, laid out as a user's scripts folder is. It is read only.
//
//go:embed */*.lua */messages/*.liquid
var Files embed.FS
