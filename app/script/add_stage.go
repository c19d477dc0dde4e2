package script

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"stagecraft/app/lifecycle"
)

// AddStage returns the journey with one more stage: its file with the given text, its name in journey.lua behind that of
// the stage after ("" is the last one), and the moves from there to it and from it to the stage that came next. All else
// in journey.lua stays as it is written, comments too. The error says what is wrong with the names, or, where journey.lua
// is written in a way that cannot be added to safely, what to write by hand.
func (h *Host) AddStage(src Source, name, after, text string) (Source, error) {
	before, err := h.Compile(src)
	if err != nil {
		return Source{}, err
	}
	if isTest(name + ".lua") {
		return Source{}, &lifecycle.Error{Code: lifecycle.Invalid, Message: fmt.Sprintf("%q cannot name a stage: files that end in %s are tests", cut(name, 80), testSuffix)}
	}
	if !validName(name) || name == "journey" {
		return Source{}, &lifecycle.Error{Code: lifecycle.Invalid, Message: fmt.Sprintf("%q cannot name a stage", cut(name, 80)), Hint: nameRule}
	}
	if Reserved(name) {
		return Source{}, &lifecycle.Error{Code: lifecycle.Invalid, Message: fmt.Sprintf("%q cannot name a stage: Windows has no files of that name", name)}
	}
	names := before.stageNames()
	if _, taken := src.Files[name+".lua"]; taken || slices.Contains(names, name) {
		return Source{}, lifecycle.Errorf(lifecycle.Conflict, "journey %s has a stage %q already", src.Name, name)
	}
	if after == "" {
		after = names[len(names)-1]
	}
	at := slices.Index(names, after)
	if at < 0 {
		return Source{}, &lifecycle.Error{Code: lifecycle.NotFound, Message: fmt.Sprintf("journey %s has no stage %q", src.Name, cut(after, 80)), Hint: didYouMean(after, names, "it has: "+strings.Join(names, ", "))}
	}
	moves := [][2]string{{after, name}}
	if at+1 < len(names) {
		moves = append(moves, [2]string{name, names[at+1]})
	}
	added := Source{Name: src.Name, Files: map[string][]byte{}}
	for path, content := range src.Files {
		added.Files[path] = content
	}
	added.Files[name+".lua"] = []byte(text)
	plan := addToList(src.Files[journeyFile], []string{"stages"}, after, name)
	for _, move := range moves {
		if plan != nil {
			plan = addMove(plan, move[0], move[1])
		}
	}
	want := slices.Insert(slices.Clone(names), at+1, name)
	if plan != nil {
		added.Files[journeyFile] = plan
		if p, err := h.Compile(added); err == nil && slices.Equal(p.stageNames(), want) && hasMoves(&before.Journey, &p.Journey, moves) {
			return added, nil
		} else if err != nil {
			added.Files[journeyFile] = src.Files[journeyFile] // is it the new stage's own text?
			if e, ok := err.(Errors); ok && len(e) > 0 && e[0].File == src.full(name+".lua") {
				return Source{}, err
			}
		}
	}
	return Source{}, &lifecycle.Error{Code: lifecycle.Conflict, File: src.full(journeyFile), Line: 1, Message: "journey.lua is written in a way that cannot be added to safely",
		Hint: fmt.Sprintf("write %q into its stages behind %q, [%q] = { %q } into its moves, and add %s.lua", name, after, after, name, name)}
}

// hasMoves tells whether a journey allows just what it did before and the new moves.
func hasMoves(before, after *lifecycle.Journey, added [][2]string) bool {
	pairs := func(j *lifecycle.Journey) int {
		n := 0
		for _, to := range j.Moves {
			n += len(to)
		}
		return n
	}
	for _, move := range added {
		if !after.MayMove(move[0], move[1]) {
			return false
		}
	}
	for from, to := range before.Moves {
		for _, name := range to {
			if !after.MayMove(from, name) {
				return false
			}
		}
	}
	return pairs(after) == pairs(before)+len(added)
}

// table is a { … } in the text of journey.lua: its tokens between the braces.
type table struct{ open, shut int }

// planTable finds the table of journey { … }, or that under a path of names in it.
func planTable(all []token, path ...string) (table, bool) {
	for i := range all {
		if all[i].text == "journey" && !all[i].quoted {
			j := i + 1
			if j < len(all) && all[j].text == "(" {
				j++
			}
			t, ok := tableAt(all, j)
			for _, name := range path {
				if ok {
					t, ok = tableAt(all, t.value(all, name))
				}
			}
			return t, ok
		}
	}
	return table{}, false
}

func tableAt(all []token, at int) (table, bool) {
	if at <= 0 || at >= len(all) || all[at].quoted || all[at].text != "{" {
		return table{}, false
	}
	depth := 0
	for i := at; i < len(all); i++ {
		if all[i].quoted {
			continue
		}
		switch all[i].text {
		case "{", "(", "[":
			depth++
		case "}", ")", "]":
			if depth--; depth == 0 {
				return table{at, i}, true
			}
		}
	}
	return table{}, false
}

// value returns where the value of a key begins, written name = or ["name"] =; 0 if the key is not there.
func (t table) value(all []token, name string) int {
	depth := 0
	for i := t.open + 1; i < t.shut; i++ {
		if depth == 0 && all[i].text == name {
			j := i + 1
			if all[i].quoted && all[i-1].text == "[" && all[j].text == "]" {
				j++
			} else if all[i].quoted {
				continue
			}
			if all[j].text == "=" {
				return j + 1
			}
		}
		if all[i].quoted {
			continue
		}
		switch all[i].text {
		case "{", "(":
			depth++
		case "}", ")":
			depth--
		}
	}
	return 0
}

// addToList writes a name into a list of journey.lua behind another, "" for its end; nil if there is no such list.
func addToList(text []byte, path []string, after, name string) []byte {
	all := tokens(text)
	list, ok := planTable(all, path...)
	if !ok {
		return nil
	}
	written := fmt.Sprintf("%q", name)
	if list.shut == list.open+1 {
		return insert(text, all[list.open].end, spaced(all, list, written))
	}
	last := list.shut - 1
	if all[last].text == "," || all[last].text == ";" {
		last--
	}
	for i := list.open + 1; i < list.shut && after != ""; i++ {
		if all[i].quoted && all[i].text == after {
			last = i
		}
	}
	return insert(text, all[last].end, ", "+written)
}

// addMove writes a move into journey.lua.
func addMove(text []byte, from, to string) []byte {
	all := tokens(text)
	if _, ok := planTable(all, "moves", from); ok {
		return addToList(text, []string{"moves", from}, "", to)
	}
	entry := fmt.Sprintf("[%q] = { %q }", from, to)
	moves, ok := planTable(all, "moves")
	if !ok {
		stages, ok := planTable(all, "stages")
		if !ok {
			return nil
		}
		return insert(text, all[stages.shut].end, ",\n  moves  = { "+entry+" }")
	}
	last := all[moves.shut-1]
	comma := ","
	if last.text == "," || last.text == ";" || moves.shut == moves.open+1 {
		comma = ""
	}
	if all[moves.shut].line == last.line {
		if moves.shut == moves.open+1 {
			return insert(text, last.end, spaced(all, moves, entry))
		}
		return insert(text, last.end, comma+" "+entry)
	}
	indent := "  "
	if moves.shut > moves.open+1 {
		first := all[moves.open+1]
		start := bytes.LastIndexByte(text[:first.at], '\n') + 1
		if space := string(text[start:first.at]); strings.TrimSpace(space) == "" {
			indent = space
		}
	}
	start := bytes.LastIndexByte(text[:all[moves.shut].at], '\n') + 1 // behind a comment, if there is one
	return insert(insert(text, start, indent+entry+",\n"), last.end, comma)
}

// spaced puts spaces around what is written into an empty table, where there are none.
func spaced(all []token, empty table, what string) string {
	if all[empty.open].end == all[empty.shut].at {
		return " " + what + " "
	}
	return " " + what
}

func insert(text []byte, at int, what string) []byte {
	return slices.Concat(text[:at], []byte(what), text[at:])
}
