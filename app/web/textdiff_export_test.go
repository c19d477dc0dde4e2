package web

// For the tests of comparing texts.
var (
	DiffLines  = diffLines
	CarryLines = carryLines
	Around     = around
)

// DiffOp is one line of a comparison.
type DiffOp = diffOp
