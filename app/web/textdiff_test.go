package web_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"stagecraft/app/web"
)

func show(ops []web.DiffOp) string {
	var b strings.Builder
	for _, op := range ops {
		fmt.Fprintf(&b, "%s %d %d %s\n", op.Kind, op.Old, op.New, op.Text)
	}
	return b.String()
}

func TestDiffLines(t *testing.T) {
	got := show(web.DiffLines(strings.Fields("a b c d e"), strings.Fields("a x c d f e")))
	want := "same 1 1 a\nold 2 0 b\nnew 0 2 x\nsame 3 3 c\nsame 4 4 d\nnew 0 5 f\nsame 5 6 e\n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// A part that is too large to be compared is changed as a whole; the ends that both share are not.
func TestDiffLinesOfMuch(t *testing.T) {
	old, new := []string{"first"}, []string{"first"}
	for i := range 3000 {
		old, new = append(old, fmt.Sprint("old ", i)), append(new, fmt.Sprint("new ", i))
	}
	carried := web.CarryLines(append(old, "last"), append(new, "last"))
	if carried[0] != 1 || carried[3001] != 3002 || slices.Max(carried[1:3001]) != 0 {
		t.Errorf("first %d, last %d, between up to %d", carried[0], carried[3001], slices.Max(carried[1:3001]))
	}
}

func TestAround(t *testing.T) {
	old := strings.Fields("1 2 3 4 5 6 7 8 9 10")
	new := slices.Clone(old)
	new[4] = "five"
	got := show(web.Around(web.DiffLines(old, new), 1))
	if want := "same 4 4 4\nold 5 0 5\nnew 0 5 five\nsame 6 6 6\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	new[0] = "one"
	if got := show(web.Around(web.DiffLines(old, new), 1)); strings.Count(got, "gap 0 0 \n") != 1 {
		t.Errorf("not one gap:\n%s", got)
	}
	if got := web.Around(web.DiffLines(old, old), 3); len(got) != 0 {
		t.Errorf("nothing changed, but %s", show(got))
	}
}

// FuzzDiffLines: a comparison has every line of both texts once and in order, and says "same" only of equal lines.
func FuzzDiffLines(f *testing.F) {
	f.Add("a\nb\nc", "a\nc\nd")
	f.Add("", "x")
	f.Add("x\nx\nx", "x\nx")
	f.Fuzz(func(t *testing.T, before, after string) {
		old, new := strings.Split(before, "\n"), strings.Split(after, "\n")
		var left, right []string
		for _, op := range web.DiffLines(old, new) {
			if op.Kind != "new" {
				left = append(left, old[op.Old-1])
			}
			if op.Kind != "old" {
				right = append(right, new[op.New-1])
			}
			if op.Kind == "same" && old[op.Old-1] != new[op.New-1] {
				t.Fatalf("%q and %q are not the same", old[op.Old-1], new[op.New-1])
			}
		}
		if !slices.Equal(left, old) || !slices.Equal(right, new) {
			t.Fatalf("%q and %q came back as %q and %q", old, new, left, right)
		}
	})
}
