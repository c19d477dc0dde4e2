package script

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"path"
	"strings"

	"stagecraft/app/lifecycle"
)

// ReadSources reads a scripts folder: every sub-folder with a journey.lua is a journey; lib/*.lua are helpers, lib/layouts
// and lib/partials what messages share, of which each journey gets those it names. Files ending in _test.lua, hidden files,
// what editors leave (m.email.liquid~, .bak) and files of other kinds are left out. A link is followed if it stays inside the folder. It returns the journeys by name; the error is an Errors.
func ReadSources(fsys fs.FS) ([]Source, error) {
	r := &reader{fsys: fsys}
	lib := r.lib()
	var sources []Source
	for _, entry := range r.list(".") {
		name := entry.Name()
		if strings.HasPrefix(name, ".") || name == "lib" || !r.isDir(name, entry) {
			continue
		}
		if lifecycle.IsBroadcast(name) {
			r.errs = append(r.errs, problem(name+"/journey.lua", 1, nameRule, "%q cannot name a journey: it is how broadcasts are named", cut(name, 80)))
			continue
		}
		if source, ok := r.journey(name, lib); ok {
			sources = append(sources, source)
		}
	}
	if len(r.errs) > 0 {
		return sources, r.errs
	}
	return sources, nil
}

type reader struct {
	fsys fs.FS
	errs Errors
}

func (r *reader) lib() map[string][]byte {
	lib := map[string][]byte{}
	if info, err := fs.Stat(r.fsys, "lib"); err != nil || !info.IsDir() {
		return lib
	}
	for _, entry := range r.list("lib") {
		if isScript(entry.Name()) {
			if content, ok := r.read("lib/"+entry.Name(), MaxLuaBytes); ok {
				lib["lib/"+entry.Name()] = content
			}
		}
	}
	r.shared("lib", func(file string) {
		if content, ok := r.read(file, MaxMessageBytes); ok {
			lib[file] = content
		}
	})
	return lib
}

// shared goes through the layouts and partials of a folder.
func (r *reader) shared(dir string, add func(file string)) {
	for _, folder := range []string{layoutFolder, partialFolder} {
		folder = dir + "/" + strings.TrimSuffix(folder, "/")
		if info, err := fs.Stat(r.fsys, folder); err != nil || !info.IsDir() {
			continue
		}
		for _, entry := range r.list(folder) {
			if file := folder + "/" + entry.Name(); !isLeft(entry.Name()) && !r.isDir(file, entry) {
				add(file)
			}
		}
	}
}

func (r *reader) journey(name string, lib map[string][]byte) (Source, bool) {
	if _, err := fs.Stat(r.fsys, name+"/journey.lua"); err != nil {
		return Source{}, false
	}
	source := Source{Name: name, Files: map[string][]byte{}}
	add := func(file string, limit int) {
		if len(source.Files) >= MaxFiles {
			if len(source.Files) == MaxFiles {
				r.errs = append(r.errs, problem(name+"/"+file, 1, "split it into two journeys", "a journey may have %d files", MaxFiles))
				source.Files[file] = nil
			}
			return
		}
		if content, ok := r.read(name+"/"+file, limit); ok {
			source.Files[file] = content
		}
	}
	for _, entry := range r.list(name) {
		if isScript(entry.Name()) && !r.isDir(name+"/"+entry.Name(), entry) {
			add(entry.Name(), MaxLuaBytes)
		}
	}
	if info, err := fs.Stat(r.fsys, name+"/messages"); err == nil && info.IsDir() {
		for _, entry := range r.list(name + "/messages") {
			if file := entry.Name(); !isLeft(file) && !r.isDir(name+"/messages/"+file, entry) {
				add("messages/"+file, MaxMessageBytes)
			}
		}
		r.shared(name+"/messages", func(file string) { add(strings.TrimPrefix(file, name+"/"), MaxMessageBytes) })
	}
	addLib(source, lib)
	return source, true
}

// addLib copies in the helpers, layouts and partials whose names occur in the files, and those that occur in them. A
// journey's own layout or partial takes the place of the one in lib.
func addLib(source Source, lib map[string][]byte) {
	for again := true; again; {
		again = false
		for file, content := range lib {
			if _, ok := source.Files[file]; ok {
				continue
			}
			if _, ok := source.Files["messages/"+strings.TrimPrefix(file, "lib/")]; ok {
				continue
			}
			name, kind := []byte(libName(file)), path.Ext(file)
			for other, text := range source.Files {
				if strings.HasSuffix(other, kind) && bytes.Contains(text, name) {
					source.Files[file] = content
					again = true
					break
				}
			}
		}
	}
}

// libName is how other files name one of lib: "lib/offers", "partials/footer", and of a layout the bare "base".
func libName(file string) string {
	folder, is := isShared(file)
	base := path.Base(file)
	switch {
	case !is:
		return strings.TrimSuffix(file, ".lua")
	case folder == layoutFolder:
		name, _, _ := strings.Cut(base, ".")
		return name
	}
	return folder + strings.TrimSuffix(base, ".liquid")
}

// isLeft reports whether a file is none of the author's: a hidden one, or what editors and tools leave beside a file.
func isLeft(name string) bool {
	switch path.Ext(name) {
	case ".bak", ".orig", ".tmp":
		return true
	}
	return strings.HasPrefix(name, ".") || strings.HasPrefix(name, "#") || strings.HasSuffix(name, "~")
}

func isScript(name string) bool {
	return strings.HasSuffix(name, ".lua") && !strings.HasSuffix(name, "_test.lua") && !strings.HasPrefix(name, ".")
}

func (r *reader) fail(file string, err error) {
	var known *lifecycle.Error
	if errors.As(err, &known) {
		r.errs = append(r.errs, known)
		return
	}
	r.errs = append(r.errs, &lifecycle.Error{Code: lifecycle.ScriptFailed, File: file, Line: 1, Message: "cannot be read", Cause: err})
}

func (r *reader) list(dir string) []fs.DirEntry {
	real, err := r.resolve(dir)
	if err != nil {
		r.fail(dir, err)
		return nil
	}
	entries, err := fs.ReadDir(r.fsys, real)
	if err != nil {
		r.fail(dir, err)
	}
	return entries
}

func (r *reader) isDir(name string, entry fs.DirEntry) bool {
	if entry.Type()&fs.ModeSymlink == 0 {
		return entry.IsDir()
	}
	real, err := r.resolve(name)
	if err != nil {
		r.fail(name, err)
		return true // it is left alone
	}
	info, err := fs.Stat(r.fsys, real)
	return err == nil && info.IsDir()
}

func (r *reader) read(name string, limit int) ([]byte, bool) {
	content, err := r.readLimited(name, limit)
	if err != nil {
		r.fail(name, err)
		return nil, false
	}
	return content, true
}

func (r *reader) readLimited(name string, limit int) ([]byte, error) {
	real, err := r.resolve(name)
	if err != nil {
		return nil, err
	}
	file, err := r.fsys.Open(real)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, problem(name, 1, "", "it is not a plain file")
	}
	content, err := io.ReadAll(io.LimitReader(file, int64(limit)+1))
	if err != nil {
		return nil, err
	}
	if len(content) > limit {
		return nil, problem(name, 1, "", "it is larger than %d KB", limit>>10)
	}
	return content, nil
}

// resolve follows the links in a path by hand and refuses those that lead out of the folder. A file system that cannot
// read links (an embedded one) has none.
func (r *reader) resolve(name string) (string, error) {
	links, ok := r.fsys.(fs.ReadLinkFS)
	if !ok {
		return name, nil
	}
	rest, done := strings.Split(name, "/"), "."
	for followed := 0; len(rest) > 0; {
		next := path.Join(done, rest[0])
		rest = rest[1:]
		if next == ".." || strings.HasPrefix(next, "../") {
			return "", problem(name, 1, "copy the file into the folder", "the link leads out of the scripts folder")
		}
		info, err := links.Lstat(next)
		if err != nil {
			return "", err
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			done = next
			continue
		}
		target, err := links.ReadLink(next)
		if err != nil {
			return "", err
		}
		if followed++; followed > 40 || path.IsAbs(target) || strings.Contains(target, "\\") {
			return "", problem(name, 1, "copy the file into the folder", "the link leads out of the scripts folder")
		}
		rest = append(strings.Split(target, "/"), rest...)
	}
	return done, nil
}
