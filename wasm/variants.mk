# One row per WebAssembly build: name, compiler flags, linker flags. Each row makes
# build/wasm/kin-<name>.wasm. The threads build takes its memory from the glue, which may make it
# with a smaller maximum, and exports the stack pointer so that each helper thread gets a stack of
# its own. --no-check-features: Emscripten's libc is built without atomics; helpers never enter it.
$(eval $(call wasm-variant,simd,\
    -msimd128,\
    ))
$(eval $(call wasm-variant,simd-threads,\
    -msimd128 -matomics -mbulk-memory -mmutable-globals,\
    -Wl$(comma)--shared-memory$(comma)--import-memory$(comma)--export=__stack_pointer$(comma)--max-memory=4294967296$(comma)--no-check-features))
# The same two with relaxed SIMD.
$(eval $(call wasm-variant,relaxed,\
    -msimd128 -mrelaxed-simd,\
    ))
$(eval $(call wasm-variant,relaxed-threads,\
    -msimd128 -mrelaxed-simd -matomics -mbulk-memory -mmutable-globals,\
    -Wl$(comma)--shared-memory$(comma)--import-memory$(comma)--export=__stack_pointer$(comma)--max-memory=4294967296$(comma)--no-check-features))
# Search in a catalogue's folder alone, for its worker: no towers, no pictures.
$(eval $(call wasm-module,find,simd,,find))
