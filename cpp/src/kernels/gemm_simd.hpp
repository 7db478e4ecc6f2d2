// What the batched kernels need of a vector type beyond vec_*.hpp: plain versions here, better ones in the files of
// instruction sets that have them.
#pragma once

#include "kernels/gemm_tile.hpp"

namespace metaworld_rt::kernels {

template <class Vec>
struct SimdBase : Vec {
  using V = typename Vec::V;
  using U = typename Lanes<Vec>::U;
  using I = typename Lanes<Vec>::I;
  using F = typename Lanes<Vec>::F;
  static constexpr std::uint32_t W = Vec::width;
  static constexpr std::uint32_t wide_columns = 16;  ///< activated together; more needs more registers

  MWRT_INLINE V reciprocal(V x) { return Vec::div(Vec::set1(1.0f), x); }
  MWRT_INLINE V reciprocal_rough(V x) { return reciprocal(x); }

  /// 2^(f - 1/2) for 0 <= f <= 1 (minimax): relative error 1.5e-7, or 8e-5.
  template <bool rough, std::uint32_t count>
  MWRT_INLINE void exp2_units(V* f) {
    constexpr float fine[] = {1.329624210e-3f, 6.351966411e-3f, 3.947888687e-2f,
                              1.698127389e-1f, 4.901335537e-1f, 7.071067095e-1f};
    constexpr float coarse[] = {5.517180637e-2f, 1.598536521e-1f, 4.920284450e-1f, 7.070538998e-1f};
    constexpr int terms = rough ? 4 : 6;
    V p[count];
    MWRT_UNROLL
    for (std::uint32_t k = 0; k < count; ++k) p[k] = Vec::set1(rough ? coarse[0] : fine[0]);
    MWRT_UNROLL
    for (int i = 1; i < terms; ++i) {
      const V term = Vec::set1(rough ? coarse[i < 4 ? i : 0] : fine[i]);
      MWRT_UNROLL
      for (std::uint32_t k = 0; k < count; ++k) p[k] = Vec::fma(p[k], f[k], term);
    }
    MWRT_UNROLL
    for (std::uint32_t k = 0; k < count; ++k) f[k] = p[k];
  }
  MWRT_INLINE V exp2_unit(V f) {
    exp2_units<false, 1>(&f);
    return f;
  }

  /// e^x for x <= 80: relative error about 3e-7 above -20. Never less than 1e-38 or so; keeps a NaN.
  MWRT_INLINE V exp(V x) {
    const V y = Vec::max(Vec::set1(-126.0f), Vec::mul(x, Vec::set1(1.44269504088896341f)));
    const V n = Vec::round(y);
    return Vec::mul(exp2_unit(Vec::add(Vec::sub(y, n), Vec::set1(0.5f))), Vec::pow2(n));
  }
  template <bool rough, std::uint32_t count>
  MWRT_INLINE void exp_of(V* x) {
    for (std::uint32_t k = 0; k < count; ++k) x[k] = exp(x[k]);
  }

  MWRT_INLINE float least(V v) {
    float lane[W];
    Vec::store(lane, v);
    float x = lane[0];
    for (std::uint32_t i = 1; i < W; ++i) x = lane[i] < x ? lane[i] : x;
    return x;
  }
  MWRT_INLINE float greatest(V v) { return -least(Vec::sub(Vec::set1(0.0f), v)); }

  /// Rounds to nearest even; W / 2 words.
  MWRT_INLINE void store_bf16(std::uint32_t* out, V v) {
    typedef std::uint16_t H __attribute__((vector_size(2 * W)));
    U u = (U)v;
    u += 0x7fffu + (u >> 16 & 1u);
    const H h = __builtin_convertvector(u >> 16, H);
    __builtin_memcpy(out, &h, sizeof h);
  }
  /// Sixteen floats of at least -0.5, rounded and clamped to 255; four words.
  MWRT_INLINE void store_u8(std::uint32_t* out, const V* v) {
    float lane[kPad];
    for (std::uint32_t k = 0; k < kPad / W; ++k) {
      Vec::store(lane + k * W, Vec::round(Vec::min(Vec::set1(255.0f), v[k])));
    }
    for (std::uint32_t k = 0; k < 4; ++k) {
      std::uint32_t word = 0;
      for (std::uint32_t i = 0; i < 4; ++i) {
        const float x = lane[4 * k + i];
        word |= static_cast<std::uint32_t>(x >= 0.0f ? x : 0.0f) << (8 * i);
      }
      out[k] = word;
    }
  }

  /// Sixteen floats, rounded and clamped to 16 bits; eight words.
  MWRT_INLINE void store_i16(std::uint32_t* out, const V* v) {
    std::int16_t lane[kPad];
    for (std::uint32_t k = 0; k < kPad / W; ++k) {
      const V limited = Vec::max(Vec::set1(-32767.0f), Vec::min(Vec::set1(32767.0f), v[k]));
      float x[W];
      Vec::store(x, Vec::round(limited));
      for (std::uint32_t i = 0; i < W; ++i) lane[k * W + i] = static_cast<std::int16_t>(x[i] == x[i] ? x[i] : 0.0f);
    }
    __builtin_memcpy(out, lane, sizeof lane);
  }
  static constexpr int dot16_rows = 4;
  /// acc + low * low + high * high of the signed halves of each word; wraps round, as the instructions do.
  MWRT_INLINE I dot16(I acc, U a, U b) {
    const I low = ((I)(a << 16) >> 16) * ((I)(b << 16) >> 16), high = ((I)a >> 16) * ((I)b >> 16);
    return (I)((U)acc + (U)low + (U)high);
  }

  /// High 32 bits of a * m.
  MWRT_INLINE U mul_high(U a, std::uint32_t m) {
    U out{};
    for (std::uint32_t i = 0; i < W; ++i) out[i] = static_cast<std::uint32_t>(std::uint64_t{a[i]} * m >> 32);
    return out;
  }
  MWRT_INLINE V square_root(V x) {
    F f = (F)x;
    for (std::uint32_t i = 0; i < W; ++i) f[i] = __builtin_sqrtf(f[i]);
    return (V)f;
  }
};

/// Four lanes: a group of eight is two vectors.
template <class Vec>
struct SimdOfFour : SimdBase<Vec> {
  using V = typename Vec::V;
  using F = typename Lanes<Vec>::F;
  template <class Op>
  MWRT_INLINE void reduce8(V* v, Op op) {
    for (int k = 0; k < 4; k += 2) {
      V r = op(v[k], v[k + 1]);
      r = op(r, (V)__builtin_shufflevector((F)r, (F)r, 2, 3, 0, 1));
      r = op(r, (V)__builtin_shufflevector((F)r, (F)r, 1, 0, 3, 2));
      v[k] = v[k + 1] = r;
    }
  }
};

}  // namespace metaworld_rt::kernels
