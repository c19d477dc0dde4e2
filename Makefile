# make run      build everything and serve
# make test     everything that has to be true before a change goes in
# make release  binaries for all systems, with checksums
#
# Needed: Go (go.mod says which) and Node.js 20.19 or newer. With Chromium the console is also tried in a browser.

VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS  := -s -w -X main.version=$(VERSION)
ARGS     ?=
FUZZTIME ?= 15s
SYSTEMS  := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64
EXE      := $(shell go env GOEXE)

PAGE    := assets/dist/console/index.html
MODULES := assets/node_modules/.package-lock.json
SDKS    := app/cli/testdata/sdk/node_modules/.package-lock.json
SOURCES := $(wildcard assets/*.json assets/*.ts assets/*.js assets/*.html) $(shell find assets/src -type f 2>/dev/null)

.PHONY: run console build proto test crash faults bench soak fuzz release clean

run: build
	./stagecraft$(EXE) serve $(ARGS)

console: $(PAGE)

$(MODULES): assets/package.json assets/package-lock.json
	cd assets && npm ci --no-audit --no-fund
	@touch $@

# The libraries of others that the program is tried with. Without npm their tests say that they were skipped.
$(SDKS): app/cli/testdata/sdk/package.json app/cli/testdata/sdk/package-lock.json
	@if command -v npm >/dev/null; then cd app/cli/testdata/sdk && npm ci --ignore-scripts --no-audit --no-fund && touch node_modules/.package-lock.json; \
	else printf '\n*** NO NPM HERE: THE LIBRARIES OF OTHERS ARE NOT TRIED ***\n\n'; fi

$(PAGE): $(MODULES) $(SOURCES)
	cd assets && npm run build
	@touch $@

build: $(PAGE)
	CGO_ENABLED=0 go build -trimpath -ldflags "$(LDFLAGS)" -o stagecraft$(EXE) .

# The code of the connectors' protocol. That it is what channel.proto says, and that the linter has nothing to say, is tested.
proto:
	go generate ./plugins/channel

# The browser test is a Go test. It looks for Chromium and Node.js itself; what it cannot find is said here, before it
# passes by in the output.
test: $(PAGE) $(SDKS)
	cd assets && npm run check
	cd assets && npm test
	go vet ./...
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || \
		printf '\n*** NO CHROMIUM HERE: THE CONSOLE IS NOT TRIED IN A BROWSER ***\n\n'
	@test -d "$$(go env GOMODCACHE)/github.com/bufbuild/buf@v1.75.0" || \
		printf '\n*** NO BUF HERE YET: IF IT CANNOT BE FETCHED AND BUILT WITHIN 30 SECONDS, channel.proto IS NOT LINTED AND ITS CODE NOT COMPARED ***\n\n'
	go test -p 3 -count=1 -timeout 20m ./... # one more than the small machine has cores: tests of servers wait a lot

# kill -9 in the middle of the work, over and over; nothing accepted may be lost or take effect twice.
crash: $(PAGE)
	STAGECRAFT_CRASH_KILLS=$${STAGECRAFT_CRASH_KILLS:-200} go test ./app/cli -run '^TestCrash' -v -count=1 -timeout 60m

# Connectors that crash, hang, babble and lie, each STAGECRAFT_FAULTS times: the other channels must not feel it. It takes
# about an hour; STAGECRAFT_FAULTS_ONLY=crash has one of them.
faults: $(PAGE)
	STAGECRAFT_FAULTS=$${STAGECRAFT_FAULTS:-100} go test ./app/channels ./app/cli -p 1 -run '^TestFaults$$' -v -count=1 -timeout 120m

bench: $(PAGE)
	STAGECRAFT_BENCH=1 go test ./app/cli -run '^TestBench$$' -v -count=1 -timeout 30m

soak: $(PAGE)
	STAGECRAFT_SOAK=$${STAGECRAFT_SOAK:-10m} go test ./app/cli -run '^TestSoak$$' -v -count=1 -timeout 120m

# Every fuzz test of every package, each for FUZZTIME.
fuzz: $(PAGE)
	@set -e; for package in $$(go list ./...); do \
		for fuzz in $$(go test -list '^Fuzz' $$package | grep '^Fuzz' || true); do \
			echo "$$package $$fuzz"; \
			go test $$package -run '^$$' -fuzz "^$$fuzz\$$" -fuzztime $(FUZZTIME); \
		done; \
	done

release: $(PAGE)
	rm -rf release
	mkdir -p release
	@set -e; for system in $(SYSTEMS); do \
		os=$${system%/*}; arch=$${system#*/}; file=release/stagecraft-$$os-$$arch; \
		if [ $$os = windows ]; then file=$$file.exe; fi; \
		echo "$$file"; \
		CGO_ENABLED=0 GOOS=$$os GOARCH=$$arch go build -trimpath -ldflags "$(LDFLAGS)" -o $$file .; \
	done
	cd release && if command -v sha256sum >/dev/null; then sha256sum stagecraft-*; else shasum -a 256 stagecraft-*; fi > SHA256SUMS

clean:
	rm -rf stagecraft stagecraft.exe release assets/dist/console assets/node_modules
