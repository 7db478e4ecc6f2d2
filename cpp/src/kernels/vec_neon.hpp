// Four floats with NEON on AArch64. Include only from *_neon.cpp.
#pragma once

#include <arm_neon.h>

#include "kernels/vec_portable.hpp"

namespace metaworld_rt::kernels {

struct VecNeon {
  using V = float32x4_t;
  static constexpr std::uint32_t width = 4;
  static constexpr std::uint32_t panel = 16;

  MWRT_INLINE V load(const float* p) { return vld1q_f32(p); }
  MWRT_INLINE void store(float* p, V a) { vst1q_f32(p, a); }
  MWRT_INLINE V set1(float a) { return vdupq_n_f32(a); }
  MWRT_INLINE V add(V a, V b) { return vaddq_f32(a, b); }
  MWRT_INLINE V sub(V a, V b) { return vsubq_f32(a, b); }
  MWRT_INLINE V mul(V a, V b) { return vmulq_f32(a, b); }
  MWRT_INLINE V div(V a, V b) { return vdivq_f32(a, b); }
  MWRT_INLINE V fma(V a, V b, V c) { return vfmaq_f32(c, a, b); }
  MWRT_INLINE V select_gt(V x, V y, V a, V b) { return vbslq_f32(vcgtq_f32(x, y), a, b); }
  // Not vmaxq/vminq: those return NaN for a NaN in either operand, the other files return b.
  MWRT_INLINE V max(V a, V b) { return vbslq_f32(vcgtq_f32(a, b), a, b); }
  MWRT_INLINE V min(V a, V b) { return vbslq_f32(vcltq_f32(a, b), a, b); }
  MWRT_INLINE V abs(V a) { return vabsq_f32(a); }
  MWRT_INLINE V copysign(V a, V b) { return vbslq_f32(vdupq_n_u32(0x80000000u), b, a); }
  MWRT_INLINE V round(V a) { return vrndnq_f32(a); }
  MWRT_INLINE V pow2(V n) {
    return vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(vcvtnq_s32_f32(n), vdupq_n_s32(127)), 23));
  }
  MWRT_INLINE float sum(V a) { return vaddvq_f32(a); }
};

}  // namespace metaworld_rt::kernels
