// Sixteen floats with AVX-512 (F, DQ, BW, VL). Include only from *_avx512*.cpp.
#pragma once

#include <immintrin.h>

#include "kernels/vec_portable.hpp"

namespace metaworld_rt::kernels {

struct VecAvx512 {
  using V = __m512;
  static constexpr std::uint32_t width = 16;
  static constexpr std::uint32_t panel = 8;

  MWRT_INLINE V load(const float* p) { return _mm512_loadu_ps(p); }
  MWRT_INLINE void store(float* p, V a) { _mm512_storeu_ps(p, a); }
  MWRT_INLINE V set1(float a) { return _mm512_set1_ps(a); }
  MWRT_INLINE V add(V a, V b) { return _mm512_add_ps(a, b); }
  MWRT_INLINE V sub(V a, V b) { return _mm512_sub_ps(a, b); }
  MWRT_INLINE V mul(V a, V b) { return _mm512_mul_ps(a, b); }
  MWRT_INLINE V div(V a, V b) { return _mm512_div_ps(a, b); }
  MWRT_INLINE V fma(V a, V b, V c) { return _mm512_fmadd_ps(a, b, c); }
  MWRT_INLINE V select_gt(V x, V y, V a, V b) {
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(x, y, _CMP_GT_OQ), b, a);
  }
  MWRT_INLINE V max(V a, V b) { return _mm512_max_ps(a, b); }
  MWRT_INLINE V min(V a, V b) { return _mm512_min_ps(a, b); }
  MWRT_INLINE V abs(V a) { return _mm512_abs_ps(a); }
  MWRT_INLINE V copysign(V a, V b) {
    const V sign = _mm512_set1_ps(-0.0f);
    return _mm512_or_ps(_mm512_andnot_ps(sign, a), _mm512_and_ps(sign, b));
  }
  MWRT_INLINE V round(V a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
  MWRT_INLINE V pow2(V n) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_add_epi32(_mm512_cvtps_epi32(n), _mm512_set1_epi32(127)), 23));
  }
  MWRT_INLINE float sum(V a) { return _mm512_reduce_add_ps(a); }
};

}  // namespace metaworld_rt::kernels
