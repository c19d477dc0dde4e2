package engine

import (
	"bytes"
	"compress/flate"
	"context"
	"io"
	"slices"
	"sync"

	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
	"stagecraft/app/store"
)

// release is a version on its way into the partitions. What it comes to is worked out once for all of them.
type release struct {
	version string
	stored  func() []byte // what is stored of it; where every partition has it already, nobody asks
}

func newRelease(source script.Source, version string) *release {
	return &release{version, sync.OnceValue(func() []byte {
		return store.Encode(&storedVersion{Name: source.Name, Packed: pack(source)})
	})}
}

// storedVersion is what a partition keeps of a version: all its files, packed together. Before they were packed, every
// file was stored under its hash; those of older versions still are.
type storedVersion struct {
	Name   string                  `msgpack:"n"`
	Packed []byte                  `msgpack:"z,omitempty"`
	Files  map[string]lifecycle.ID `msgpack:"f,omitempty"`
}

// packedFile is one file of a pack.
type packedFile struct {
	Path    string `msgpack:"p"`
	Content []byte `msgpack:"c"`
}

// pack deflates the files of a version in the order of their paths: they are much alike, and come to a quarter of their
// size.
func pack(source script.Source) []byte {
	files := make([]packedFile, 0, len(source.Files))
	for _, path := range source.Paths() {
		files = append(files, packedFile{Path: path, Content: source.Files[path]})
	}
	var packed bytes.Buffer
	// Neither can fail: the level is a valid one, and memory takes whatever is written.
	w, _ := flate.NewWriter(&packed, flate.DefaultCompression)
	_, _ = w.Write(store.Encode(files))
	_ = w.Close()
	return slices.Clip(packed.Bytes())
}

func unpack(packed []byte) (map[string][]byte, error) {
	plain, err := io.ReadAll(flate.NewReader(bytes.NewReader(packed)))
	if err != nil {
		return nil, err
	}
	var list []packedFile
	if err = store.Decode(plain, &list); err != nil {
		return nil, err
	}
	files := make(map[string][]byte, len(list))
	for _, file := range list {
		files[file.Path] = file.Content
	}
	return files, nil
}

// Source reads the files of a published version.
func (e *Engine) Source(tx store.Reader, version string) (script.Source, error) {
	data := tx.Get(versionKey(version))
	if data == nil {
		return script.Source{}, lifecycle.Errorf(lifecycle.NotFound, "there is no script version %s", version)
	}
	var stored storedVersion
	err := store.Decode(data, &stored)
	source := script.Source{Name: stored.Name}
	if err == nil && stored.Packed != nil {
		source.Files, err = unpack(stored.Packed)
	}
	if err != nil {
		return script.Source{}, lifecycle.Wrap(lifecycle.Internal, err, "script version %s cannot be read", version)
	}
	if source.Files == nil {
		source.Files = make(map[string][]byte, len(stored.Files))
		for path, hash := range stored.Files {
			source.Files[path] = tx.Get(fileKey(hash))
		}
	}
	return source, nil
}

// sourceOf asks for the files of a published version.
type sourceOf struct{ Version string }

// SourceOf returns the files of a version that was published at some time.
func (e *Engine) SourceOf(ctx context.Context, version string) (script.Source, error) {
	answer, err := e.store.Ask(ctx, 0, sourceOf{version}) // the one partition that has all of them
	if err != nil {
		return script.Source{}, err
	}
	return answer.(script.Source), nil
}

// program returns a compiled version, from memory or from the files that were published with it.
func (e *Engine) program(tx store.Reader, version string) (*script.Program, error) {
	if known, ok := e.programs.Load(version); ok {
		return known.(*script.Program), nil
	}
	source, err := e.Source(tx, version)
	if err != nil {
		return nil, err
	}
	return e.compile(source, version)
}

func (e *Engine) compile(source script.Source, version string) (*script.Program, error) {
	program, err := e.host.Compile(source)
	if err != nil {
		return nil, lifecycle.Wrap(lifecycle.ScriptFailed, err, "version %s of %s does not compile any more", version, source.Name)
	}
	return e.remember(program), nil
}

func (e *Engine) remember(program *script.Program) *script.Program {
	known, _ := e.programs.LoadOrStore(program.Journey.Version, program)
	return known.(*script.Program)
}

// maxRecent is how many programs are kept that only somebody who looked back asked for.
const maxRecent = 16

// recent keeps them, the newest last.
type recent struct {
	mu  sync.Mutex
	all []*script.Program
}

func (r *recent) find(version string) *script.Program {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := slices.IndexFunc(r.all, func(p *script.Program) bool { return p.Journey.Version == version })
	if at < 0 {
		return nil
	}
	return r.all[at]
}

func (r *recent) add(program *script.Program) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all = append(r.all, program); len(r.all) > maxRecent {
		r.all = slices.Delete(r.all, 0, 1)
	}
}

// Program returns a version that was published, compiled; false if there is none, or if this program cannot compile it. A version
// that nobody runs any more is not kept for good.
func (e *Engine) Program(version string) (*script.Program, bool) {
	if known, ok := e.programs.Load(version); ok {
		return known.(*script.Program), true
	}
	if known := e.recent.find(version); known != nil {
		return known, true
	}
	source, err := e.SourceOf(context.Background(), version)
	if err != nil {
		return nil, false
	}
	program, err := e.host.Compile(source)
	if err != nil {
		return nil, false
	}
	e.recent.add(program)
	return program, true
}

// Template returns the template of a message as the version that decided it had it. It is delivery's way to scripts.
func (e *Engine) Template(tx store.Reader, version, name, channel, locale string) (*lifecycle.Template, error) {
	program, err := e.program(tx, version)
	if err != nil {
		return nil, err
	}
	template, ok := program.Template(name, channel, locale)
	if !ok {
		return nil, lifecycle.Errorf(lifecycle.NotFound, "version %s has no message %q for %s", version, name, channel)
	}
	return template, nil
}
