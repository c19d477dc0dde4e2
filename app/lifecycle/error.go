package lifecycle

import (
	"errors"
	"fmt"
)

// Code says what kind of failure an Error is. HTTP statuses and exit codes are derived from it, in one place each.
type Code string

const (
	Invalid      Code = "invalid"      // the caller sent something wrong; repeating it will not help
	Unauthorized Code = "unauthorized" // no key, or a wrong one
	Forbidden    Code = "forbidden"    // the key may not do this
	NotFound     Code = "not_found"    // there is no such thing
	Conflict     Code = "conflict"     // it contradicts the present state
	TooLarge     Code = "too_large"    // over a documented limit
	Busy         Code = "busy"         // over capacity; repeat later
	Full         Code = "full"         // the disk is nearly full; nothing is accepted
	Unavailable  Code = "unavailable"  // starting, stopping or stopped
	Internal     Code = "internal"     // our own fault
	ScriptFailed Code = "script"       // a stage script failed, or is broken
)

// Error is what every package returns to callers: a code for programs, a sentence for people that says where and
// what to do, and the cause.
type Error struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`
	Field   string `json:"field,omitempty"` // which input field, as a path such as "batch[3].userId"
	File    string `json:"file,omitempty"`  // which script file, relative to the scripts folder
	Line    int    `json:"line,omitempty"`  // 1-based
	Hint    string `json:"hint,omitempty"`  // what to write instead
	Cause   error  `json:"-"`
}

// Error returns the sentence, with file and line before it and the hint behind it where there are any.
func (e *Error) Error() string {
	text := e.Message
	if e.File != "" {
		text = fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Message)
	}
	if e.Hint != "" {
		text += " (" + e.Hint + ")"
	}
	if e.Cause != nil {
		text += ": " + e.Cause.Error()
	}
	return text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Errorf makes an Error of a code. A %w verb sets the cause's text but not Cause; use Wrap for that.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Wrap makes an Error of a code around a cause.
func Wrap(code Code, cause error, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...), Cause: cause}
}

// CodeOf returns the code of the first Error in the chain, Internal for any other error, and "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return Internal
}
