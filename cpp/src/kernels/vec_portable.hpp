// Four floats with the compiler's vector extension (gcc and clang): SSE2 on any x86-64, whatever else elsewhere.
// Every vec_*.hpp has the same members. max and min return `b` when either is NaN, so that max(limit, x) keeps a NaN.
#pragma once

#include <cstdint>

namespace metaworld_rt::kernels {

#define MWRT_INLINE static inline __attribute__((always_inline))

struct VecPortable {
  typedef float V __attribute__((vector_size(16)));
  typedef std::int32_t I __attribute__((vector_size(16)));
  typedef float Unaligned __attribute__((vector_size(16), aligned(4), may_alias));
  static constexpr std::uint32_t width = 4;
  static constexpr std::uint32_t panel = 8;  ///< vectors of accumulators in a gemv panel

  MWRT_INLINE V load(const float* p) { return *reinterpret_cast<const Unaligned*>(p); }
  MWRT_INLINE void store(float* p, V a) { *reinterpret_cast<Unaligned*>(p) = a; }
  MWRT_INLINE V set1(float a) { return V{a, a, a, a}; }
  MWRT_INLINE V add(V a, V b) { return a + b; }
  MWRT_INLINE V sub(V a, V b) { return a - b; }
  MWRT_INLINE V mul(V a, V b) { return a * b; }
  MWRT_INLINE V div(V a, V b) { return a / b; }
  MWRT_INLINE V fma(V a, V b, V c) { return a * b + c; }
  MWRT_INLINE V select(I m, V a, V b) {
    return reinterpret_cast<V>((m & reinterpret_cast<I>(a)) | (~m & reinterpret_cast<I>(b)));
  }
  /// x > y ? a : b
  MWRT_INLINE V select_gt(V x, V y, V a, V b) { return select(x > y, a, b); }
  MWRT_INLINE V max(V a, V b) { return select(a > b, a, b); }
  MWRT_INLINE V min(V a, V b) { return select(a < b, a, b); }
  MWRT_INLINE V abs(V a) { return reinterpret_cast<V>(reinterpret_cast<I>(a) & 0x7fffffff); }
  /// magnitude of a, sign of b
  MWRT_INLINE V copysign(V a, V b) {
    const I sign = reinterpret_cast<I>(set1(-0.0f));
    return reinterpret_cast<V>((reinterpret_cast<I>(a) & ~sign) | (reinterpret_cast<I>(b) & sign));
  }
  /// To the nearest integer, |a| < 2^22.
  MWRT_INLINE V round(V a) {
    const V magic = set1(12582912.0f);  // 1.5 * 2^23: the sum's last bit is 1
    return (a + magic) - magic;
  }
  /// 2^n for integral n in [-126, 128] (128 gives infinity). A NaN gives anything.
  MWRT_INLINE V pow2(V n) {
    const V magic = set1(12582912.0f + 127.0f);
    return reinterpret_cast<V>(reinterpret_cast<I>(n + magic) << 23);
  }
  MWRT_INLINE float sum(V a) { return (a[0] + a[2]) + (a[1] + a[3]); }
};

}  // namespace metaworld_rt::kernels
