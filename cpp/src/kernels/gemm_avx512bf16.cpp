#if defined(__AVX512BF16__)

#include "kernels/gemm_simd_avx512.hpp"
#include "kernels/gemm_tables.hpp"

namespace metaworld_rt::kernels {

namespace {
struct DotBf16Avx512 {
  static constexpr Storage storage = Storage::bf16;
  static constexpr int most_rows = kAnyRows;
  static constexpr double operations = 4;
  using Acc = __m512;
  using A = __m512bh;
  using B = __m512bh;
  MWRT_INLINE A broadcast(const std::uint32_t* p) { return (__m512bh)_mm512_set1_epi32(static_cast<int>(*p)); }
  MWRT_INLINE B load(const std::uint32_t* p) { return (__m512bh)_mm512_loadu_si512(p); }
  MWRT_INLINE Acc zero() { return _mm512_setzero_ps(); }
  MWRT_INLINE Acc step(Acc acc, A a, B b) { return _mm512_dpbf16_ps(acc, a, b); }
  MWRT_INLINE __m512 value(Acc acc) { return acc; }
};
}  // namespace

void gemm_bf16_avx512(const GemmArgs& g) noexcept { Gemm<SimdAvx512, DotBf16Avx512>::run(g); }
double peak_bf16_avx512(std::uint64_t rounds) noexcept { return Gemm<SimdAvx512, DotBf16Avx512>::peak(rounds); }

}  // namespace metaworld_rt::kernels

#endif
