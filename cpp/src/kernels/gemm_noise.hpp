// Counter-based normal numbers. A number depends on its place (seed, stream, iteration, row, index) alone, so that any
// thread can make any part of the noise in any order.
// Philox4x32-10: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC'11. Box-Muller turns its four words
// into four normal numbers.
#pragma once

#include "kernels/gemm_simd.hpp"

namespace metaworld_rt::kernels {

template <class S>
struct Noise {
  using V = typename S::V;
  using U = typename Lanes<S>::U;
  using I = typename Lanes<S>::I;
  using F = typename Lanes<S>::F;
  static constexpr std::uint32_t W = S::width;

  struct Words {
    U w[4];
  };

  MWRT_INLINE void round(Words& c, std::uint32_t k0, std::uint32_t k1) {
    constexpr std::uint32_t m0 = 0xD2511F53u, m1 = 0xCD9E8D57u;
    const U high0 = S::mul_high(c.w[0], m0), low0 = c.w[0] * m0;
    const U high1 = S::mul_high(c.w[2], m1), low1 = c.w[2] * m1;
    c.w[0] = high1 ^ c.w[1] ^ k0;
    c.w[1] = low1;
    c.w[2] = high0 ^ c.w[3] ^ k1;
    c.w[3] = low0;
  }
  MWRT_INLINE void philox(Words& c, std::uint64_t key) {
    auto k0 = static_cast<std::uint32_t>(key), k1 = static_cast<std::uint32_t>(key >> 32);
    for (int r = 0; r < 10; ++r) {
      round(c, k0, k1);
      k0 += 0x9E3779B9u;
      k1 += 0xBB67AE85u;
    }
  }

  /// (0, 1): the upper 24 bits, and half a step.
  MWRT_INLINE V uniform(U u) {
    const F f = __builtin_convertvector((I)(u >> 8), F);
    return S::fma((V)f, S::set1(0x1p-24f), S::set1(0x1p-25f));
  }

  /// log(x), 0 < x < 1 and normal (Cephes' logf).
  MWRT_INLINE V log(V x) {
    const U bits = (U)x;
    V e = (V) __builtin_convertvector((I)(bits >> 23) - 126, F);
    V m = (V)((bits & 0x007fffffu) | 0x3f000000u);  // [0.5, 1)
    const V root = S::set1(0.707106781186547524f);
    e = S::sub(e, S::select_gt(root, m, S::set1(1.0f), S::set1(0.0f)));
    m = S::sub(S::add(m, S::select_gt(root, m, m, S::set1(0.0f))), S::set1(1.0f));
    V p = S::set1(7.0376836292e-2f);
    p = S::fma(p, m, S::set1(-1.1514610310e-1f));
    p = S::fma(p, m, S::set1(1.1676998740e-1f));
    p = S::fma(p, m, S::set1(-1.2420140846e-1f));
    p = S::fma(p, m, S::set1(1.4249322787e-1f));
    p = S::fma(p, m, S::set1(-1.6668057665e-1f));
    p = S::fma(p, m, S::set1(2.0000714765e-1f));
    p = S::fma(p, m, S::set1(-2.4999993993e-1f));
    p = S::fma(p, m, S::set1(3.3333331174e-1f));
    const V square = S::mul(m, m);
    p = S::mul(p, S::mul(m, square));
    p = S::fma(S::set1(-0.5f), square, p);
    return S::fma(e, S::set1(0.693147180559945309f), S::add(m, p));
  }

  /// sin and cos of 2 pi x, 0 <= x < 1: the nearest quarter turn is taken off.
  MWRT_INLINE void sin_cos_turn(V x, V& sine, V& cosine) {
    const V quarter = S::round(S::mul(x, S::set1(4.0f)));
    const V r = S::mul(S::fma(quarter, S::set1(-0.25f), x), S::set1(6.28318530717958648f));
    const V q = S::mul(r, r);
    V s = S::set1(-1.9515295891e-4f);
    s = S::fma(s, q, S::set1(8.3321608736e-3f));
    s = S::fma(s, q, S::set1(-1.6666654611e-1f));
    s = S::fma(S::mul(s, q), r, r);
    V c = S::set1(2.443315711809948e-5f);
    c = S::fma(c, q, S::set1(-1.388731625493765e-3f));
    c = S::fma(c, q, S::set1(4.166664568298827e-2f));
    c = S::fma(S::mul(c, q), q, S::fma(S::set1(-0.5f), q, S::set1(1.0f)));
    const U turn = (U) __builtin_convertvector((F)quarter, I);
    const U odd = (U)S::set1(0.0f) - (turn & 1u);
    const U sign_sine = (turn & 2u) << 30, sign_cosine = ((turn + 1u) & 2u) << 30;
    sine = (V)((((U)c & odd) | ((U)s & ~odd)) ^ sign_sine);
    cosine = (V)((((U)s & odd) | ((U)c & ~odd)) ^ sign_cosine);
  }

  static void normal(const NoiseArgs& n) noexcept {
    for (std::uint32_t first = 0; first < n.n; first += 64) {
      for (std::uint32_t k = 0; k < kPad; k += W) {
        std::uint32_t lane[W];
        for (std::uint32_t i = 0; i < W; ++i) lane[i] = first / 4 + k + i;
        Words c;
        __builtin_memcpy(&c.w[0], lane, sizeof lane);
        c.w[1] = U{} + n.row;
        c.w[2] = U{} + n.iteration;
        c.w[3] = U{} + static_cast<std::uint32_t>(n.stream);
        philox(c, n.seed ^ (n.stream & 0xffffffff00000000u));
        for (std::uint32_t pair = 0; pair < 2; ++pair) {
          const V radius = S::square_root(S::mul(S::set1(-2.0f), log(uniform(c.w[2 * pair]))));
          V sine, cosine;
          sin_cos_turn(uniform(c.w[2 * pair + 1]), sine, cosine);
          S::store(n.out + first + 32 * pair + k, S::mul(radius, cosine));
          S::store(n.out + first + 32 * pair + 16 + k, S::mul(radius, sine));
        }
      }
    }
  }
};

}  // namespace metaworld_rt::kernels
