package web

// CellOf writes a text as a cell of an export, and as one of the figures.
func CellOf(text string) (export, figures string) {
	return string((&exportForm{csv: true}).cell(nil, 0, text, true)), safeCell(text)
}
