package web

// What the tests of cursors look at.
var (
	CursorOf   = cursorOf
	ReadCursor = readCursor
)
