package script

import (
	"io/fs"
	"strings"

	"stagecraft/app/lifecycle"
)

// ReadDraft reads one journey of a scripts folder as ReadSources does, and lays the files of a draft over it, which are
// named relative to the journey's folder. Helpers that only the draft names are there too; its tests are left out. The
// error is NotFound if there is no such journey, else an Errors.
func ReadDraft(fsys fs.FS, journey string, draft map[string][]byte) (Source, error) {
	r := &reader{fsys: fsys}
	source, ok := r.journey(journey, nil)
	if !ok {
		return Source{}, lifecycle.Errorf(lifecycle.NotFound, "the scripts folder has no journey %q", journey)
	}
	for file, text := range draft {
		if !strings.HasSuffix(file, testSuffix) {
			source.Files[file] = text
		}
	}
	addLib(source, r.lib())
	if len(r.errs) > 0 {
		return Source{}, r.errs
	}
	return source, nil
}

// WholeDraft is one journey of which every file is given, the helpers that it uses included; nothing of a scripts folder is
// added. Its tests are left out.
func WholeDraft(journey string, files map[string][]byte) Source {
	source := Source{Name: journey, Files: make(map[string][]byte, len(files))}
	for file, text := range files {
		if !strings.HasSuffix(file, testSuffix) {
			source.Files[file] = text
		}
	}
	return source
}
