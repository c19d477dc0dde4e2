package delivery

import (
	"errors"
	"fmt"

	"github.com/osteele/liquid/expressions"
	"github.com/osteele/liquid/values"
)

type forNode struct {
	name          string
	list          *templateExpr
	limit, offset expressions.Expression
	reversed      bool
	nodes         []templateNode
	otherwise     []templateNode
	line          int
}

func (n *forNode) render(r *templateRun) error {
	r.line = n.line
	value, err := r.evaluate(n.list)
	if err != nil {
		return err
	}
	entries, err := r.entries(value)
	if err != nil {
		return err
	}
	offset, err := r.count(n.offset, 0)
	if err != nil {
		return err
	}
	entries = entries[min(offset, len(entries)):]
	limit, err := r.count(n.limit, len(entries))
	if err != nil {
		return err
	}
	entries = entries[:min(limit, len(entries))]
	if len(entries) == 0 {
		return r.all(n.otherwise)
	}
	outer, shadowed := r.vars["forloop"], r.vars[n.name]
	defer func() { r.vars["forloop"], r.vars[n.name] = outer, shadowed }()
	loop := &templateLoop{length: len(entries)}
	r.vars["forloop"] = &templateValue{run: r, name: "forloop", kind: loopKind, plain: loop}
	for i := range entries {
		if err := r.round(); err != nil {
			return err
		}
		loop.index = i
		entry := entries[i]
		if n.reversed {
			entry = entries[len(entries)-1-i]
		}
		r.bind(n.name, entry)
		switch err := r.all(n.nodes); {
		case errors.Is(err, errBreak):
			return nil
		case err != nil && !errors.Is(err, errContinue):
			return err
		}
	}
	return nil
}

// entries returns what a loop goes through: a list, a range, or an object's pairs of name and value in the order in
// which they were written. What is missing has no entries.
func (r *templateRun) entries(value any) ([]any, error) {
	drop, ok := value.(templateDrop)
	if !ok {
		if list, ok := value.(values.Range); ok {
			return rangeEntries(list)
		}
		if value == nil {
			return nil, nil
		}
		return nil, faultf("a loop needs a list, not a single value", "")
	}
	v := drop.value
	switch {
	case v.kind == missingKind:
		return nil, nil
	case v.kind == jsonKind:
		if err := r.spend(1 + len(v.raw)/bytesPerStep); err != nil {
			return nil, err
		}
		fields, _ := jsonFields(v.raw)
		entries := make([]any, len(fields))
		for i, field := range fields {
			if v.isList() {
				entries[i] = v.json(fmt.Sprintf("[%d]", i), field.raw)
			} else {
				entries[i] = []any{field.key, templateDrop{v.json(field.key, field.raw)}}
			}
		}
		return entries, nil
	case v.kind == traitsKind:
		var entries []any
		for _, name := range keysOf(r.scope.Customer.Traits) {
			entries = append(entries, []any{name, templateDrop{v.lookup(name)}})
		}
		return entries, nil
	}
	switch list := v.plain.(type) {
	case []any:
		return list, nil
	case values.Range:
		return rangeEntries(list)
	case map[string]any:
		var entries []any
		for _, name := range keysOf(list) {
			entries = append(entries, []any{name, list[name]})
		}
		return entries, nil
	}
	return nil, faultf(v.path()+" is not a list", "a loop goes through a list, an object or a range")
}

// count evaluates a loop's limit or offset.
func (r *templateRun) count(e expressions.Expression, otherwise int) (int, error) {
	if e == nil {
		return otherwise, nil
	}
	value, err := r.value(e)
	if err != nil {
		return 0, err
	}
	number, err := numberOf(value)
	if err != nil {
		return 0, err
	}
	if f := number.float(); f >= 0 {
		return int(min(f, maxTemplateSteps)), nil
	}
	return 0, faultf("the limit and the offset of a loop are 0 or more", "")
}
