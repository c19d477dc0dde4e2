package web

// diffOp is one line of a comparison of two texts.
type diffOp struct {
	Kind string `json:"kind"` // same, old, new; gap stands for lines that are the same and not shown
	Old  int    `json:"old"`  // 1-based; 0: it is not in the old text
	New  int    `json:"new"`
	Text string `json:"text"`
}

// maxTable bounds the table of a comparison, in cells of 4 bytes. Above it a part that differs is taken as changed as a
// whole.
const maxTable = 4 << 20

// diffLines compares two texts line by line: a longest common subsequence between what they share at both ends.
func diffLines(old, new []string) []diffOp {
	var ops []diffOp
	same := func(i, j int) { ops = append(ops, diffOp{"same", i + 1, j + 1, new[j]}) }
	start := 0
	for start < len(old) && start < len(new) && old[start] == new[start] {
		same(start, start)
		start++
	}
	endOld, endNew := len(old), len(new)
	for endOld > start && endNew > start && old[endOld-1] == new[endNew-1] {
		endOld, endNew = endOld-1, endNew-1
	}
	rows, columns := endOld-start, endNew-start
	width := columns + 1
	var common []int32 // [i*width+j]: of old[start+i:endOld] and new[start+j:endNew]
	if rows > 0 && columns > 0 && (rows+1)*width <= maxTable {
		common = make([]int32, (rows+1)*width)
		for i := rows - 1; i >= 0; i-- {
			for j := columns - 1; j >= 0; j-- {
				if old[start+i] == new[start+j] {
					common[i*width+j] = common[(i+1)*width+j+1] + 1
				} else {
					common[i*width+j] = max(common[(i+1)*width+j], common[i*width+j+1])
				}
			}
		}
	}
	for i, j := 0, 0; i < rows || j < columns; {
		switch {
		case common != nil && i < rows && j < columns && old[start+i] == new[start+j]:
			same(start+i, start+j)
			i, j = i+1, j+1
		case j >= columns || i < rows && (common == nil || common[(i+1)*width+j] >= common[i*width+j+1]):
			ops = append(ops, diffOp{"old", start + i + 1, 0, old[start+i]})
			i++
		default:
			ops = append(ops, diffOp{"new", 0, start + j + 1, new[start+j]})
			j++
		}
	}
	for k := 0; endOld+k < len(old); k++ {
		same(endOld+k, endNew+k)
	}
	return ops
}

// around keeps what changed with a few lines on each side, and puts gaps for the rest.
func around(ops []diffOp, margin int) []diffOp {
	keep := make([]bool, len(ops))
	for i, op := range ops {
		if op.Kind == "same" {
			continue
		}
		for k := max(0, i-margin); k <= min(len(ops)-1, i+margin); k++ {
			keep[k] = true
		}
	}
	shown := []diffOp{}
	for i, op := range ops {
		switch {
		case keep[i]:
			shown = append(shown, op)
		case len(shown) > 0 && shown[len(shown)-1].Kind != "gap":
			shown = append(shown, diffOp{Kind: "gap"})
		}
	}
	if n := len(shown); n > 0 && shown[n-1].Kind == "gap" {
		shown = shown[:n-1]
	}
	return shown
}

// carryLines says for each line of the old text where it stands in the new one, 1-based; 0: it was changed or dropped.
func carryLines(old, new []string) []int {
	lines := make([]int, len(old))
	for _, op := range diffLines(old, new) {
		if op.Kind == "same" {
			lines[op.Old-1] = op.New
		}
	}
	return lines
}
