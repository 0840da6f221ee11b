/* In the place of the compiler's: the intrinsics in plain C by SIMDe (Debian: libsimde-dev), for a processor that has all of
 * them. So kernels_x86.c runs where the machine lacks AVX-512 or AVX-VNNI. */
#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx512.h>
#undef _mm256_dpbusd_avx_epi32
#define _mm256_dpbusd_avx_epi32(sum, u, s) simde_mm256_dpbusd_epi32(sum, u, s)
#undef _mm512_dpbusd_epi32
#define _mm512_dpbusd_epi32(sum, u, s) simde_mm512_dpbusd_epi32(sum, u, s)
#define target(...) unused
#define __builtin_cpu_supports(name) 1
