package script

import (
	"strconv"
	"strings"

	"github.com/yuin/gopher-lua/ast"
)

// writer turns an expression back into text. It stops a little behind maxWritten.
type writer struct{ text strings.Builder }

// How tightly operators bind, the loosest first.
const (
	bindsOr = iota + 1
	bindsAnd
	bindsCompare
	bindsConcat
	bindsAdd
	bindsMultiply
	bindsUnary
	bindsPower
)

var arithmeticBinds = map[string]int{"+": bindsAdd, "-": bindsAdd, "*": bindsMultiply, "/": bindsMultiply, "%": bindsMultiply, "^": bindsPower}

func (w *writer) expr(expr ast.Expr, around int) {
	if w.text.Len() > maxWritten {
		return
	}
	switch e := expr.(type) {
	case *ast.TrueExpr:
		w.text.WriteString("true")
	case *ast.FalseExpr:
		w.text.WriteString("false")
	case *ast.NilExpr:
		w.text.WriteString("nil")
	case *ast.NumberExpr:
		w.text.WriteString(e.Value)
	case *ast.StringExpr:
		w.text.WriteString(strconv.Quote(cut(e.Value, maxWritten)))
	case *ast.Comma3Expr:
		w.text.WriteString("...")
	case *ast.IdentExpr:
		w.text.WriteString(e.Value)
	case *ast.FunctionExpr:
		w.text.WriteString("function(" + strings.Join(e.ParList.Names, ", ") + ") … end")
	case *ast.TableExpr:
		w.table(e)
	case *ast.AttrGetExpr:
		w.field(e)
	case *ast.FuncCallExpr:
		w.call(e)
	case *ast.LogicalOpExpr:
		binds := bindsAnd
		if e.Operator == "or" {
			binds = bindsOr
		}
		w.binary(e.Lhs, e.Operator, e.Rhs, binds, around)
	case *ast.RelationalOpExpr:
		w.binary(e.Lhs, e.Operator, e.Rhs, bindsCompare, around)
	case *ast.StringConcatOpExpr:
		w.binary(e.Lhs, "..", e.Rhs, bindsConcat, around)
	case *ast.ArithmeticOpExpr:
		w.binary(e.Lhs, e.Operator, e.Rhs, arithmeticBinds[e.Operator], around)
	case *ast.UnaryMinusOpExpr:
		w.text.WriteString("-")
		w.expr(e.Expr, bindsUnary)
	case *ast.UnaryNotOpExpr:
		w.text.WriteString("not ")
		w.expr(e.Expr, bindsUnary)
	case *ast.UnaryLenOpExpr:
		w.text.WriteString("#")
		w.expr(e.Expr, bindsUnary)
	}
}

func (w *writer) binary(left ast.Expr, sign string, right ast.Expr, binds, around int) {
	if binds < around {
		w.text.WriteString("(")
		defer w.text.WriteString(")")
	}
	w.expr(left, binds)
	w.text.WriteString(" " + sign + " ")
	w.expr(right, binds+1)
}

func (w *writer) list(exprs []ast.Expr) {
	for i, e := range exprs {
		if i > 0 {
			w.text.WriteString(", ")
		}
		w.expr(e, 0)
	}
}

func (w *writer) table(e *ast.TableExpr) {
	if len(e.Fields) == 0 {
		w.text.WriteString("{}")
		return
	}
	w.text.WriteString("{ ")
	for i, field := range e.Fields {
		if i > 0 {
			w.text.WriteString(", ")
		}
		if key, ok := field.Key.(*ast.StringExpr); ok {
			w.text.WriteString(key.Value + " = ")
		} else if field.Key != nil {
			w.text.WriteString("[")
			w.expr(field.Key, 0)
			w.text.WriteString("] = ")
		}
		w.expr(field.Value, 0)
	}
	w.text.WriteString(" }")
}

func (w *writer) field(e *ast.AttrGetExpr) {
	w.expr(e.Object, bindsPower+1)
	if key, ok := e.Key.(*ast.StringExpr); ok && isWord(key.Value) {
		w.text.WriteString("." + key.Value)
		return
	}
	w.text.WriteString("[")
	w.expr(e.Key, 0)
	w.text.WriteString("]")
}

func (w *writer) call(e *ast.FuncCallExpr) {
	if e.Func == nil {
		w.expr(e.Receiver, bindsPower+1)
		w.text.WriteString(":" + e.Method)
	} else {
		w.expr(e.Func, bindsPower+1)
	}
	w.text.WriteString("(")
	w.list(e.Args)
	w.text.WriteString(")")
}

// isWord tells whether a text could be a name in Lua.
func isWord(text string) bool {
	for i := 0; i < len(text); i++ {
		if c := text[i]; !isAlpha(c) && c != '_' && (i == 0 || !isDigit(c)) {
			return false
		}
	}
	return text != ""
}
