package cli

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"stagecraft/app/lifecycle"
)

// savedImport is how the files of a source are read, as --save keeps it at the server under the source's name.
type savedImport struct {
	Map       []string          `json:"map,omitempty"`
	Customers bool              `json:"customers,omitempty"`
	History   bool              `json:"history,omitempty"`
	Stages    map[string]string `json:"stages,omitempty"`
}

func mappingPath(source string) string { return "/v1/import/" + url.PathEscape(source) + "/mapping" }

// recall takes over what is saved for the source, where the command line says nothing of it. Nothing may be saved.
func (f *ImportFlags) recall(ctx context.Context, client *Client, source string) error {
	if f.Source == "" || len(f.Map) > 0 || f.Place != "" || f.Customers {
		return nil
	}
	impatient := *client
	impatient.Patience = min(impatient.Patience, 5*impatient.Pause)
	var saved savedImport
	if _, err := impatient.Get(ctx, mappingPath(source), &saved); err != nil {
		if lifecycle.CodeOf(err) == lifecycle.NotFound {
			return nil
		}
		return err
	}
	f.Map, f.Customers, f.History = saved.Map, saved.Customers, f.History || saved.History
	for from, to := range saved.Stages {
		f.Stage = append(f.Stage, from+"="+to)
	}
	return nil
}

// keep saves how the files of the source are read.
func (f *ImportFlags) keep(ctx context.Context, client *Client, source string) error {
	stages, err := f.stages()
	if err != nil {
		return err
	}
	_, err = client.call(ctx, http.MethodPut, mappingPath(source),
		savedImport{Map: f.Map, Customers: f.Customers, History: f.History, Stages: stages}, nil)
	return err
}

// stages reads --stage: our names by the source's.
func (f *ImportFlags) stages() (map[string]string, error) {
	stages := map[string]string{}
	for _, text := range f.Stage {
		from, to, ok := strings.Cut(text, "=")
		if from = strings.TrimSpace(from); !ok || from == "" {
			return nil, lifecycle.Errorf(lifecycle.Invalid, "--stage %q: write THEIRS=OURS; with nothing behind the = such customers are put nowhere", text)
		}
		stages[from] = strings.TrimSpace(to)
	}
	return stages, nil
}

// placing turns --place, --journey and --since into rules.
func (f *ImportFlags) placing() error {
	invalid := func(format string, args ...any) error { return lifecycle.Errorf(lifecycle.Invalid, format, args...) }
	switch {
	case f.Place == "" && (f.Journey != "" || f.Since != ""):
		return invalid("--journey and --since go with --place COLUMN")
	case f.Place == "":
		return nil
	case f.Journey == "":
		return invalid("--place needs the journey whose stages the column %q names: add --journey NAME", f.Place)
	}
	f.Customers = true
	f.Map = append(f.Map, "stage."+f.Journey+"="+f.Place)
	if f.Since != "" {
		f.Map = append(f.Map, "since."+f.Journey+"="+f.Since)
	}
	f.Place, f.Journey, f.Since = "", "", ""
	return nil
}
