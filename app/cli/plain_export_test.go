package cli

import "io"

// Plain writes text without control codes.
func Plain(out io.Writer) io.Writer { return &harmlessText{out: out} }
