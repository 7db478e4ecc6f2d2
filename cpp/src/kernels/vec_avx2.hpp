// Eight floats with AVX2 and FMA. Include only from *_avx2.cpp.
#pragma once

#include <immintrin.h>

#include "kernels/vec_portable.hpp"

namespace metaworld_rt::kernels {

struct VecAvx2 {
  using V = __m256;
  static constexpr std::uint32_t width = 8;
  static constexpr std::uint32_t panel = 8;

  MWRT_INLINE V load(const float* p) { return _mm256_loadu_ps(p); }
  MWRT_INLINE void store(float* p, V a) { _mm256_storeu_ps(p, a); }
  MWRT_INLINE V set1(float a) { return _mm256_set1_ps(a); }
  MWRT_INLINE V add(V a, V b) { return _mm256_add_ps(a, b); }
  MWRT_INLINE V sub(V a, V b) { return _mm256_sub_ps(a, b); }
  MWRT_INLINE V mul(V a, V b) { return _mm256_mul_ps(a, b); }
  MWRT_INLINE V div(V a, V b) { return _mm256_div_ps(a, b); }
  MWRT_INLINE V fma(V a, V b, V c) { return _mm256_fmadd_ps(a, b, c); }
  MWRT_INLINE V select_gt(V x, V y, V a, V b) { return _mm256_blendv_ps(b, a, _mm256_cmp_ps(x, y, _CMP_GT_OQ)); }
  MWRT_INLINE V max(V a, V b) { return _mm256_max_ps(a, b); }
  MWRT_INLINE V min(V a, V b) { return _mm256_min_ps(a, b); }
  MWRT_INLINE V abs(V a) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a); }
  MWRT_INLINE V copysign(V a, V b) {
    const V sign = _mm256_set1_ps(-0.0f);
    return _mm256_or_ps(_mm256_andnot_ps(sign, a), _mm256_and_ps(sign, b));
  }
  MWRT_INLINE V round(V a) { return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
  MWRT_INLINE V pow2(V n) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23));
  }
  MWRT_INLINE float sum(V a) {
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_shuffle_ps(s, s, 1)));
  }
};

}  // namespace metaworld_rt::kernels
