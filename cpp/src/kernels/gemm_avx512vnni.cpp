#if defined(__AVX512VNNI__)

#include "kernels/gemm_simd_avx512.hpp"
#include "kernels/gemm_tables.hpp"

namespace metaworld_rt::kernels {

namespace {
struct DotVnni {
  static constexpr int most_rows = kAnyRows;
  using Acc = __m512i;
  using A = __m512i;
  using B = __m512i;
  MWRT_INLINE A broadcast(const std::uint32_t* p) { return _mm512_set1_epi32(static_cast<int>(*p)); }
  MWRT_INLINE B load(const std::uint32_t* p) { return _mm512_loadu_si512(p); }
  MWRT_INLINE Acc zero() { return _mm512_setzero_si512(); }
  MWRT_INLINE __m512 value(Acc acc) { return _mm512_cvtepi32_ps(acc); }
};

/// In assembly: gcc 12 copies and spills every accumulator of the intrinsic, which costs 2.6 times the time.
struct DotInt8Avx512 : DotVnni {
  static constexpr Storage storage = Storage::int8;
  static constexpr double operations = 8;
  MWRT_INLINE Acc step(Acc acc, A a, B b) {
    asm("vpdpbusd %2, %1, %0" : "+v"(acc) : "v"(a), "v"(b));
    return acc;
  }
};

struct DotInt16Avx512 : DotVnni {
  static constexpr Storage storage = Storage::int16;
  static constexpr double operations = 4;
  MWRT_INLINE Acc step(Acc acc, A a, B b) {
    asm("vpdpwssd %2, %1, %0" : "+v"(acc) : "v"(a), "v"(b));
    return acc;
  }
};
}  // namespace

void gemm_int8_avx512(const GemmArgs& g) noexcept { Gemm<SimdAvx512, DotInt8Avx512>::run(g); }
double peak_int8_avx512(std::uint64_t rounds) noexcept { return Gemm<SimdAvx512, DotInt8Avx512>::peak(rounds); }
void gemm_int16_avx512(const GemmArgs& g) noexcept { Gemm<SimdAvx512, DotInt16Avx512>::run(g); }
double peak_int16_avx512(std::uint64_t rounds) noexcept { return Gemm<SimdAvx512, DotInt16Avx512>::peak(rounds); }

}  // namespace metaworld_rt::kernels

#endif
