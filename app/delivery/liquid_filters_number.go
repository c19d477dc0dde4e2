package delivery

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"

	"github.com/osteele/liquid/values"
)

// calculated is a number in a calculation. Whole numbers stay whole until a fraction comes in or they grow too big.
type calculated struct {
	whole bool
	i     int64
	f     float64
}

func (c calculated) float() float64 {
	if c.whole {
		return float64(c.i)
	}
	return c.f
}

func (c calculated) plain() any {
	if c.whole {
		return int(c.i)
	}
	return c.f
}

func numberOf(value any) (calculated, error) {
	if drop, ok := value.(templateDrop); ok {
		if isMissing(value) {
			return calculated{}, drop.value.fault()
		}
	}
	switch value := values.ToLiquid(value).(type) {
	case int:
		return calculated{whole: true, i: int64(value)}, nil
	case float64:
		return calculated{f: value}, nil
	case string:
		if number := templateNumber(strings.TrimSpace(value)); isJSONNumber(string(number)) {
			return numberOf(number)
		}
		return calculated{}, faultf(fmt.Sprintf("%q is not a number", shorten(value)), "")
	}
	return calculated{}, faultf("a number is needed here", "")
}

func calculate(operate func(a, b calculated) (calculated, error)) templateFilter {
	return func(_ *templateRun, args []any, _ map[string]any) (any, error) {
		if len(args) != 2 {
			return nil, faultf("a calculation takes one value", "write it like | times: 2")
		}
		a, err := numberOf(args[0])
		if err != nil {
			return nil, err
		}
		b, err := numberOf(args[1])
		if err != nil {
			return nil, err
		}
		result, err := operate(a, b)
		if err != nil {
			return nil, err
		}
		return result.plain(), nil
	}
}

func calculateOne(operate func(float64) float64) templateFilter {
	return func(_ *templateRun, args []any, _ map[string]any) (any, error) {
		a, err := numberOf(args[0])
		if err != nil {
			return nil, err
		}
		return wholeIf(operate(a.float())), nil
	}
}

// wholeIf returns an int for a number without a fraction.
func wholeIf(f float64) any {
	if f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		return int(f)
	}
	return f
}

// exact keeps a whole result if it fits.
func exact(a, b calculated, i int64, f float64) (calculated, error) {
	if a.whole && b.whole && math.Abs(f) < 1<<62 {
		return calculated{whole: true, i: i}, nil
	}
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return calculated{}, faultf("the result of a calculation is too big", "")
	}
	return calculated{f: f}, nil
}

func add(a, b calculated) (calculated, error)      { return exact(a, b, a.i+b.i, a.float()+b.float()) }
func subtract(a, b calculated) (calculated, error) { return exact(a, b, a.i-b.i, a.float()-b.float()) }
func multiply(a, b calculated) (calculated, error) { return exact(a, b, a.i*b.i, a.float()*b.float()) }

// divide rounds down if both numbers are whole, as Liquid does.
func divide(a, b calculated) (calculated, error) {
	if b.float() == 0 {
		return calculated{}, faultf("a division by zero", "ask with {% if %} first")
	}
	if a.whole && b.whole && b.i != -1 {
		quotient := a.i / b.i
		if a.i%b.i != 0 && (a.i < 0) != (b.i < 0) {
			quotient--
		}
		return calculated{whole: true, i: quotient}, nil
	}
	return exact(a, b, -a.i, a.float()/b.float())
}

func modulo(a, b calculated) (calculated, error) {
	if b.float() == 0 {
		return calculated{}, faultf("a division by zero", "ask with {% if %} first")
	}
	if a.whole && b.whole {
		if b.i == -1 {
			return calculated{whole: true}, nil
		}
		rest := a.i % b.i
		if rest != 0 && (rest < 0) != (b.i < 0) {
			rest += b.i
		}
		return calculated{whole: true, i: rest}, nil
	}
	return exact(a, b, 0, math.Mod(a.float(), b.float()))
}

func largest(a, b calculated) (calculated, error) {
	if a.float() < b.float() {
		return b, nil
	}
	return a, nil
}

func smallest(a, b calculated) (calculated, error) {
	if a.float() > b.float() {
		return b, nil
	}
	return a, nil
}

// places reads how many digits behind the point are wanted: 0 to 12.
func places(args []any) (int, error) {
	if len(args) < 2 {
		return 0, nil
	}
	number, err := numberOf(args[1])
	if err != nil {
		return 0, err
	}
	if number.float() < 0 || number.float() > 12 {
		return 0, faultf("a number can have 0 to 12 digits behind its point", "")
	}
	return int(number.float()), nil
}

func roundFilter(_ *templateRun, args []any, _ map[string]any) (any, error) {
	number, err := numberOf(args[0])
	if err != nil {
		return nil, err
	}
	digits, err := places(args)
	if err != nil {
		return nil, err
	}
	if number.whole {
		return number.plain(), nil
	}
	rounded, err := strconv.ParseFloat(roundedText(args[0], number, digits), 64)
	if err != nil {
		return number.f, nil
	}
	return wholeIf(rounded), nil
}

// roundedText writes a number with a count of digits behind its point. It rounds what is written, halves away from zero:
// 1.005 is 1.01, although its nearest float64 is a little less.
func roundedText(value any, number calculated, digits int) string {
	written := ""
	switch value := value.(type) {
	case templateNumber:
		written = string(value)
	case string:
		written = strings.TrimSpace(value)
	}
	if written == "" || len(written) > maxWrittenNumber || strings.ContainsAny(written, "eE") { // an exponent can make it very long
		if written = strconv.FormatFloat(number.f, 'f', -1, 64); number.whole {
			written = strconv.FormatInt(number.i, 10)
		}
	}
	exact, ok := new(big.Rat).SetString(written)
	if !ok { // NaN and infinity
		return strconv.FormatFloat(number.float(), 'f', digits, 64)
	}
	return exact.FloatString(digits)
}

const maxWrittenNumber = 400 // bytes; a float64 has fewer

// decimalsFilter prints a number with a fixed count of digits behind the point: 12.5 | decimals: 2 is 12.50. See roundedText.
func decimalsFilter(_ *templateRun, args []any, _ map[string]any) (any, error) {
	number, err := numberOf(args[0])
	if err != nil {
		return nil, err
	}
	digits, err := places(args)
	if err != nil {
		return nil, err
	}
	return roundedText(args[0], number, digits), nil
}
