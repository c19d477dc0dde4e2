package script

import (
	"math"

	lua "github.com/yuin/gopher-lua"
)

// mathLib is the deterministic part of the math library; there is no random in it.
func (m *machine) mathLib() map[string]lua.LGFunction {
	one := func(f func(float64) float64) lua.LGFunction {
		return func(L *lua.LState) int {
			L.Push(lua.LNumber(f(m.number(L, 1))))
			return 1
		}
	}
	two := func(f func(a, b float64) float64) lua.LGFunction {
		return func(L *lua.LState) int {
			L.Push(lua.LNumber(f(m.number(L, 1), m.number(L, 2))))
			return 1
		}
	}
	fold := func(f func(a, b float64) float64) lua.LGFunction {
		return func(L *lua.LState) int {
			result := m.number(L, 1)
			for i := 2; i <= L.GetTop(); i++ {
				result = f(result, m.number(L, i))
			}
			L.Push(lua.LNumber(result))
			return 1
		}
	}
	return map[string]lua.LGFunction{
		"abs": one(math.Abs), "ceil": one(math.Ceil), "floor": one(math.Floor), "sqrt": one(math.Sqrt),
		"exp": one(math.Exp), "log": one(math.Log), "log10": one(math.Log10),
		"fmod": two(math.Mod), "pow": two(math.Pow), "min": fold(math.Min), "max": fold(math.Max),
		"modf": func(L *lua.LState) int {
			whole, fraction := math.Modf(m.number(L, 1))
			L.Push(lua.LNumber(whole))
			L.Push(lua.LNumber(fraction))
			return 2
		},
	}
}
