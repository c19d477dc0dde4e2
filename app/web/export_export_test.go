package web

// JSONCell writes JSON as a cell of an export.
func JSONCell(text string) string {
	return string((&exportForm{csv: true}).cell(nil, 0, text, false))
}

// CellOf writes a text as a cell of an export, and as one of the figures.
func CellOf(text string) (export, figures string) {
	return string((&exportForm{csv: true}).cell(nil, 0, text, true)), noFormula(text)
}
