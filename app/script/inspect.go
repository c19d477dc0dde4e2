package script

import "github.com/yuin/gopher-lua/ast"

// inside returns the expressions directly inside an expression, in the order in which they are worked out.
func inside(expr ast.Expr) []ast.Expr {
	switch e := expr.(type) {
	case *ast.AttrGetExpr:
		return []ast.Expr{e.Object, e.Key}
	case *ast.TableExpr:
		var list []ast.Expr
		for _, field := range e.Fields {
			if field.Key != nil {
				list = append(list, field.Key)
			}
			list = append(list, field.Value)
		}
		return list
	case *ast.FuncCallExpr:
		first := e.Func
		if first == nil {
			first = e.Receiver
		}
		return append([]ast.Expr{first}, e.Args...)
	case *ast.LogicalOpExpr:
		return []ast.Expr{e.Lhs, e.Rhs}
	case *ast.RelationalOpExpr:
		return []ast.Expr{e.Lhs, e.Rhs}
	case *ast.ArithmeticOpExpr:
		return []ast.Expr{e.Lhs, e.Rhs}
	case *ast.StringConcatOpExpr:
		return []ast.Expr{e.Lhs, e.Rhs}
	case *ast.UnaryMinusOpExpr:
		return []ast.Expr{e.Expr}
	case *ast.UnaryNotOpExpr:
		return []ast.Expr{e.Expr}
	case *ast.UnaryLenOpExpr:
		return []ast.Expr{e.Expr}
	}
	return nil
}

// heads returns the expressions of a statement itself, without those of the blocks in it.
func heads(stmt ast.Stmt) []ast.Expr {
	switch s := stmt.(type) {
	case *ast.AssignStmt:
		return append(append([]ast.Expr{}, s.Rhs...), s.Lhs...)
	case *ast.LocalAssignStmt:
		return s.Exprs
	case *ast.FuncCallStmt:
		return []ast.Expr{s.Expr}
	case *ast.WhileStmt:
		return []ast.Expr{s.Condition}
	case *ast.RepeatStmt:
		return []ast.Expr{s.Condition}
	case *ast.IfStmt:
		return []ast.Expr{s.Condition}
	case *ast.NumberForStmt:
		if s.Step == nil {
			return []ast.Expr{s.Init, s.Limit}
		}
		return []ast.Expr{s.Init, s.Limit, s.Step}
	case *ast.GenericForStmt:
		return s.Exprs
	case *ast.FuncDefStmt:
		return []ast.Expr{s.Func}
	case *ast.ReturnStmt:
		return s.Exprs
	}
	return nil
}

// blocks returns the blocks of a statement.
func blocks(stmt ast.Stmt) [][]ast.Stmt {
	switch s := stmt.(type) {
	case *ast.DoBlockStmt:
		return [][]ast.Stmt{s.Stmts}
	case *ast.WhileStmt:
		return [][]ast.Stmt{s.Stmts}
	case *ast.RepeatStmt:
		return [][]ast.Stmt{s.Stmts}
	case *ast.IfStmt:
		return [][]ast.Stmt{s.Then, s.Else}
	case *ast.NumberForStmt:
		return [][]ast.Stmt{s.Stmts}
	case *ast.GenericForStmt:
		return [][]ast.Stmt{s.Stmts}
	}
	return nil
}

// everyBlock visits a list of statements and the blocks in it, those of functions included.
func everyBlock(stmts []ast.Stmt, visit func([]ast.Stmt)) {
	visit(stmts)
	for _, stmt := range stmts {
		for _, head := range heads(stmt) {
			everyExpr(head, func(e ast.Expr) {
				if fn, ok := e.(*ast.FunctionExpr); ok {
					everyBlock(fn.Stmts, visit)
				}
			})
		}
		for _, block := range blocks(stmt) {
			everyBlock(block, visit)
		}
	}
}

// everyStmt visits statements and those in their blocks, but not those of functions.
func everyStmt(stmts []ast.Stmt, visit func(ast.Stmt)) {
	for _, stmt := range stmts {
		visit(stmt)
		for _, block := range blocks(stmt) {
			everyStmt(block, visit)
		}
	}
}

// everyExpr visits an expression and those inside it, the outer one first; functions are not entered.
func everyExpr(e ast.Expr, visit func(ast.Expr)) {
	visit(e)
	for _, part := range inside(e) {
		everyExpr(part, visit)
	}
}

// written shows an expression as it stands in the script, shortened.
func written(e ast.Expr) string {
	var w writer
	w.expr(e, 0)
	return cut(w.text.String(), maxWritten)
}

const maxWritten = 120
