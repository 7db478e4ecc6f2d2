// Include only from gemm_avx512*.cpp.
#pragma once

#if defined(__GNUC__) && !defined(__clang__)
// gcc 12 warns of the undefined registers that its own intrinsics use on purpose (GCC bug 105593).
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#include "kernels/gemm_simd.hpp"
#include "kernels/vec_avx512.hpp"

namespace metaworld_rt::kernels {

namespace {
struct SimdAvx512 : SimdBase<VecAvx512> {
  static constexpr std::uint32_t wide_columns = 64;
  static constexpr int tile_rows = 14, tile_vectors = 2;  // 28 of 32 registers
  static constexpr int kFloor = _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC;

  /// 2^-14 from the table, squared by one Newton step.
  MWRT_INLINE V reciprocal(V x) {
    const V r = _mm512_rcp14_ps(x);
    return _mm512_fmadd_ps(r, _mm512_fnmadd_ps(x, r, _mm512_set1_ps(1.0f)), r);
  }
  MWRT_INLINE V reciprocal_rough(V x) { return _mm512_rcp14_ps(x); }

  /// With y = x log2 e + 1/2: VREDUCEPS takes the fraction of y and VSCALEFPS multiplies by 2^floor(y), for any y.
  MWRT_INLINE V exp(V x) {
    const V y = _mm512_fmadd_ps(x, _mm512_set1_ps(1.44269504088896341f), _mm512_set1_ps(0.5f));
    return _mm512_scalef_ps(exp2_unit(_mm512_reduce_ps(y, kFloor)), y);
  }
  /// The same of several vectors, step by step; roughly: the shorter polynomial.
  template <bool rough, std::uint32_t count>
  MWRT_INLINE void exp_of(V* x) {
    V y[count];
    MWRT_UNROLL
    for (std::uint32_t k = 0; k < count; ++k) {
      y[k] = _mm512_fmadd_ps(x[k], _mm512_set1_ps(1.44269504088896341f), _mm512_set1_ps(0.5f));
    }
    MWRT_UNROLL
    for (std::uint32_t k = 0; k < count; ++k) x[k] = _mm512_reduce_ps(y[k], kFloor);
    exp2_units<rough, count>(x);
    MWRT_UNROLL
    for (std::uint32_t k = 0; k < count; ++k) x[k] = _mm512_scalef_ps(x[k], y[k]);
  }
  MWRT_INLINE float least(V v) { return _mm512_reduce_min_ps(v); }
  MWRT_INLINE float greatest(V v) { return _mm512_reduce_max_ps(v); }
  MWRT_INLINE void store_u8(std::uint32_t* out, const V* v) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm512_cvtusepi32_epi8(_mm512_cvtps_epi32(v[0])));
  }
  MWRT_INLINE void store_i16(std::uint32_t* out, const V* v) {
    const __m512i limit = _mm512_cvtps_epi32(_mm512_max_ps(v[0], _mm512_set1_ps(-32767.0f)));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), _mm512_cvtsepi32_epi16(limit));
  }
  static constexpr int dot16_rows = kAnyRows;
  MWRT_INLINE I dot16(I acc, U a, U b) {
    return (I)_mm512_add_epi32((__m512i)acc, _mm512_madd_epi16((__m512i)a, (__m512i)b));
  }
  MWRT_INLINE U mul_high(U a, std::uint32_t m) {
    const __m512i x = (__m512i)a, f = _mm512_set1_epi32(static_cast<int>(m));
    const __m512i even = _mm512_srli_epi64(_mm512_mul_epu32(x, f), 32);
    const __m512i odd = _mm512_mul_epu32(_mm512_srli_epi64(x, 32), f);
    return (U)_mm512_mask_blend_epi32(0xaaaa, even, odd);
  }
  MWRT_INLINE V square_root(V v) { return _mm512_sqrt_ps(v); }
  template <class Op>
  MWRT_INLINE void reduce8(V* v, Op op) {
    V r = op(v[0], _mm512_shuffle_f32x4(v[0], v[0], 0xb1));
    r = op(r, _mm512_permute_ps(r, 0x4e));
    v[0] = op(r, _mm512_permute_ps(r, 0xb1));
  }
};
}  // namespace

}  // namespace metaworld_rt::kernels
