#if defined(__AVX512VNNI__)

#include "kernels/gemm_simd_avx512.hpp"
#include "kernels/gemm_tables.hpp"

namespace metaworld_rt::kernels {

namespace {
struct DotInt8Avx512 {
  static constexpr Storage storage = Storage::int8;
  static constexpr int most_rows = kAnyRows;
  static constexpr double operations = 8;
  using Acc = __m512i;
  using A = __m512i;
  using B = __m512i;
  MWRT_INLINE A broadcast(const std::uint32_t* p) { return _mm512_set1_epi32(static_cast<int>(*p)); }
  MWRT_INLINE B load(const std::uint32_t* p) { return _mm512_loadu_si512(p); }
  MWRT_INLINE Acc zero() { return _mm512_setzero_si512(); }
  /// In assembly: gcc 12 copies and spills every accumulator of the intrinsic, which costs 2.6 times the time.
  MWRT_INLINE Acc step(Acc acc, A a, B b) {
    asm("vpdpbusd %2, %1, %0" : "+v"(acc) : "v"(a), "v"(b));
    return acc;
  }
  MWRT_INLINE __m512 value(Acc acc) { return _mm512_cvtepi32_ps(acc); }
};
}  // namespace

void gemm_int8_avx512(const GemmArgs& g) noexcept { Gemm<SimdAvx512, DotInt8Avx512>::run(g); }
double peak_int8_avx512(std::uint64_t rounds) noexcept { return Gemm<SimdAvx512, DotInt8Avx512>::peak(rounds); }

}  // namespace metaworld_rt::kernels

#endif
