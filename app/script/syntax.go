package script

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/ast"
	"github.com/yuin/gopher-lua/parse"

	"stagecraft/app/lifecycle"
)

// parseLua turns a file into its syntax tree. The error has file, line and the text at which the parser stopped.
func parseLua(file string, text []byte) (tree []ast.Stmt, failed *lifecycle.Error) {
	if err := scan(file, text); err != nil {
		return nil, err
	}
	defer func() {
		if r := recover(); r != nil {
			tree, failed = nil, problem(file, 1, "", "the file cannot be parsed: %s", cut(fmt.Sprint(r), 200))
		}
	}()
	tree, err := parse.Parse(bytes.NewReader(bytes.TrimPrefix(text, byteOrderMark)), file)
	if err == nil {
		return tree, nil
	}
	var syntax *parse.Error
	if !errors.As(err, &syntax) {
		return nil, problem(file, 1, "", "the file cannot be parsed: %s", cut(err.Error(), 200))
	}
	switch message := strings.TrimSpace(syntax.Message); {
	case syntax.Pos.Line < 1:
		last := bytes.Count(bytes.TrimRight(text, "\n"), []byte{'\n'}) + 1
		failed = problem(file, last, "look for a missing end, ) or }", "the file ends in the middle of a statement")
	case message == "syntax error" || message == "parse error":
		failed = problem(file, syntax.Pos.Line, "look at what stands before it", "syntax error at %s", quoteShort(syntax.Token))
	default:
		failed = problem(file, syntax.Pos.Line, "", "%s at %s", strings.ToLower(message), quoteShort(syntax.Token))
	}
	failed.Hint = cmp.Or(syntaxHint(text, failed.Line, syntax), failed.Hint)
	return nil, failed
}

func quoteShort(token string) string { return strconv.Quote(cut(token, 40)) }

// compileLua turns a checked syntax tree into code.
func compileLua(file string, tree []ast.Stmt) (proto *lua.FunctionProto, failed *lifecycle.Error) {
	defer func() {
		if r := recover(); r != nil {
			proto, failed = nil, problem(file, 1, "", "the file cannot be compiled: %s", cut(fmt.Sprint(r), 200))
		}
	}()
	proto, err := lua.Compile(mend(tree), file)
	if err != nil {
		var known *lua.CompileError
		if errors.As(err, &known) {
			return nil, problem(file, max(known.Line, 1), "split it into functions", "%s", cut(known.Message, 200))
		}
		return nil, problem(file, 1, "", "%s", cut(err.Error(), 200))
	}
	withoutArg(proto)
	return proto, nil
}

// withoutArg drops the table "arg" that the machine would otherwise build at every call of a function with "...".
func withoutArg(proto *lua.FunctionProto) {
	proto.IsVarArg &^= lua.VarArgNeedsArg
	for _, inner := range proto.FunctionPrototypes {
		withoutArg(inner)
	}
}
