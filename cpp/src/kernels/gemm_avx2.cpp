#if defined(__AVX2__)

#include "kernels/gemm_simd.hpp"
#include "kernels/gemm_tables.hpp"
#include "kernels/vec_avx2.hpp"

namespace metaworld_rt::kernels {

namespace {
struct SimdAvx2 : SimdBase<VecAvx2> {
  static constexpr int tile_rows = 6, tile_vectors = 2;  // 12 of 16 registers
  MWRT_INLINE U mul_high(U a, std::uint32_t m) {
    const __m256i x = (__m256i)a, f = _mm256_set1_epi32(static_cast<int>(m));
    const __m256i even = _mm256_srli_epi64(_mm256_mul_epu32(x, f), 32);
    const __m256i odd = _mm256_mul_epu32(_mm256_srli_epi64(x, 32), f);
    return (U)_mm256_blend_epi32(even, odd, 0xaa);
  }
  MWRT_INLINE void store_i16(std::uint32_t* out, const V* v) {
    const V low = _mm256_set1_ps(-32767.0f);
    const __m256i a = _mm256_cvtps_epi32(_mm256_max_ps(v[0], low)), b = _mm256_cvtps_epi32(_mm256_max_ps(v[1], low));
    const __m256i packed = _mm256_permute4x64_epi64(_mm256_packs_epi32(a, b), 0xd8);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), packed);
  }
  static constexpr int dot16_rows = kAnyRows;
  MWRT_INLINE I dot16(I acc, U a, U b) {
    return (I)_mm256_add_epi32((__m256i)acc, _mm256_madd_epi16((__m256i)a, (__m256i)b));
  }
  MWRT_INLINE V square_root(V v) { return _mm256_sqrt_ps(v); }
  template <class Op>
  MWRT_INLINE void reduce8(V* v, Op op) {
    for (int k = 0; k < 2; ++k) {
      V r = op(v[k], _mm256_permute2f128_ps(v[k], v[k], 1));
      r = op(r, _mm256_permute_ps(r, 0x4e));
      v[k] = op(r, _mm256_permute_ps(r, 0xb1));
    }
  }
};
}  // namespace

const BatchKernels kBatchAvx2 = batch_table<SimdAvx2>(Isa::avx2, {"fp32-avx2", "bf16-avx2", "int8-avx2", "int16-avx2"});

}  // namespace metaworld_rt::kernels

#endif
