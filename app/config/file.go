package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"
)

// maxFileBytes bounds a settings file.
const maxFileBytes = 1 << 20

// File is the path of a JSON file with settings. Its keys are the flags' names ("smtp-host" or "smtp_host"); objects
// may group them ({"smtp": {"host": …}}). Values are texts, numbers or booleans. A key that is no setting is an error.
type File string

// BeforeResolve reads the file and offers its values to kong for flags that neither the command line nor the
// environment sets. (kong by itself would let the file win over the environment.)
func (f File) BeforeResolve(ctx *kong.Context, trace *kong.Path) error {
	path, _ := ctx.FlagValue(trace.Flag).(File)
	if path == "" || !selected(ctx, trace.Flag) {
		return nil
	}
	values, err := readFile(string(path))
	if err != nil {
		return fmt.Errorf("--config %s: %w", path, err)
	}
	known := map[string]bool{}
	for _, name := range settingNames(reflect.TypeFor[Config](), "") {
		known[name] = true
	}
	ctx.AddResolver(kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
		value, ok := values[flag.Name]
		if !ok || !known[flag.Name] || inEnvironment(flag) {
			return nil, nil
		}
		return value, nil
	}))
	return nil
}

// selected reports whether the flag belongs to the command that was chosen: the environment variable of --config must
// not disturb other commands.
func selected(ctx *kong.Context, flag *kong.Flag) bool {
	for _, path := range ctx.Path {
		if slices.Contains(path.Flags, flag) || path.Flag == flag {
			return true
		}
	}
	return false
}

func inEnvironment(flag *kong.Flag) bool {
	for _, name := range flag.Envs {
		if _, ok := os.LookupEnv(name); ok {
			return true
		}
	}
	return false
}

// readFile returns the values of a settings file as texts, by flag name.
func readFile(path string) (map[string]string, error) {
	file, err := os.Open(kong.ExpandPath(path))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxFileBytes+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxFileBytes {
		return nil, fmt.Errorf("it is longer than %d bytes; it holds settings only", maxFileBytes)
	}
	return parseFile(text)
}

func parseFile(text []byte) (map[string]string, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var tree map[string]any
	if err := decoder.Decode(&tree); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			line := 1 + bytes.Count(text[:min(int(syntax.Offset), len(text))], []byte("\n"))
			return nil, fmt.Errorf("line %d is not JSON: %w", line, err)
		}
		// The decoder's own sentence could quote a value, and a value could be a password.
		return nil, errors.New(`it must be one JSON object, such as {"addr": "127.0.0.1:8080"}`)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, errors.New("there is something behind the JSON object; write one object only")
	}
	names := settingNames(reflect.TypeFor[Config](), "")
	values := map[string]string{}
	if problems := flatten("", tree, names, values); len(problems) > 0 {
		slices.Sort(problems)
		return nil, errors.New(strings.Join(problems, "; "))
	}
	return values, nil
}

func flatten(prefix string, tree map[string]any, names []string, values map[string]string) (problems []string) {
	for key, value := range tree {
		name := prefix + strings.ReplaceAll(strings.ToLower(key), "_", "-")
		if group, ok := value.(map[string]any); ok && !slices.Contains(names, name) {
			problems = append(problems, flatten(name+"-", group, names, values)...)
			continue
		}
		if !slices.Contains(names, name) {
			problems = append(problems, fmt.Sprintf("%q is not a setting%s", name, nearest(name, names)))
			continue
		}
		if _, twice := values[name]; twice {
			problems = append(problems, fmt.Sprintf("%q is set twice", name))
			continue
		}
		switch value := value.(type) {
		case string:
			values[name] = value
		case json.Number:
			values[name] = value.String()
		case bool:
			values[name] = strconv.FormatBool(value)
		default:
			problems = append(problems, fmt.Sprintf("%q must be a text, a number or true or false", name))
		}
	}
	return problems
}

// settingNames returns the flag names of a struct of settings, read from its tags. --config itself cannot be in the
// file.
func settingNames(structure reflect.Type, prefix string) []string {
	var names []string
	for i := range structure.NumField() {
		field := structure.Field(i)
		if _, embedded := field.Tag.Lookup("embed"); embedded {
			names = append(names, settingNames(field.Type, prefix+field.Tag.Get("prefix"))...)
			continue
		}
		if field.Type != reflect.TypeFor[File]() {
			names = append(names, prefix+field.Tag.Get("name"))
		}
	}
	return names
}

// nearest returns a hint with the name that differs in the fewest letters, if one is near.
func nearest(name string, names []string) string {
	best, distance := "", len(name)/3+2
	for _, candidate := range names {
		if d := editDistance(name, candidate); d < distance {
			best, distance = candidate, d
		}
	}
	if best == "" {
		return "; see --help for all there are"
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := diagonal
			if a[i-1] != b[j-1] {
				cost++
			}
			diagonal = row[j]
			row[j] = min(cost, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}
