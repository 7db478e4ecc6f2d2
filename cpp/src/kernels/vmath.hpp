// Elementary functions over a vector type S (vec_*.hpp), for hot loops: about 2e-7 relative error, branch free.
// A NaN comes out as NaN, because the safety ladder looks for it at the end. Include from *_portable/_avx2/... only.
#pragma once

#include "kernels/vec_portable.hpp"

namespace metaworld_rt::kernels {

template <class S>
struct Math {
  using V = typename S::V;

  /// Splits x = n ln 2 + r, |r| <= ln 2 / 2, and gives e^r - 1 (minimax polynomial of Cephes' expf) and 2^n.
  MWRT_INLINE V reduced_expm1(V x, V& scale) {
    // Below -87.3 the result is less than 1.2e-38 and stays there; from 88.4 on it is infinity.
    x = S::min(S::set1(89.0f), S::max(S::set1(-87.3f), x));
    const V n = S::round(S::mul(x, S::set1(1.44269504088896341f)));
    V r = S::fma(n, S::set1(-0.693359375f), x);
    r = S::fma(n, S::set1(2.12194440e-4f), r);
    V p = S::set1(1.9875691500e-4f);
    p = S::fma(p, r, S::set1(1.3981999507e-3f));
    p = S::fma(p, r, S::set1(8.3334519073e-3f));
    p = S::fma(p, r, S::set1(4.1665795894e-2f));
    p = S::fma(p, r, S::set1(1.6666665459e-1f));
    p = S::fma(p, r, S::set1(5.0000001201e-1f));
    scale = S::pow2(n);
    return S::fma(S::mul(r, r), p, r);
  }
  MWRT_INLINE V exp(V x) {
    V scale;
    const V m = reduced_expm1(x, scale);
    return S::fma(scale, m, scale);
  }
  /// e^x - 1 without cancellation near 0. x <= 88.
  MWRT_INLINE V expm1(V x) {
    V scale;
    const V m = reduced_expm1(x, scale);
    return S::fma(scale, m, S::sub(scale, S::set1(1.0f)));
  }
  MWRT_INLINE V tanh(V x) {
    // tanh |x| = t / (t + 2) with t = e^(2|x|) - 1; it is 1 in float32 from 9.02 on.
    const V t = expm1(S::min(S::set1(20.0f), S::mul(S::set1(2.0f), S::abs(x))));
    return S::copysign(S::div(t, S::add(t, S::set1(2.0f))), x);
  }
  MWRT_INLINE V sigmoid(V x) {
    const V e = exp(S::min(S::set1(88.0f), S::sub(S::set1(0.0f), x)));
    return S::div(S::set1(1.0f), S::add(S::set1(1.0f), e));
  }
  MWRT_INLINE V elu(V x, V alpha) {
    const V negative = S::mul(alpha, expm1(S::min(S::set1(0.0f), x)));
    return S::select_gt(x, S::set1(0.0f), x, negative);
  }
  /// x tanh(log(1 + e^x)) = x u / (u + 2), u = e^x (e^x + 2).
  MWRT_INLINE V mish(V x) {
    const V e = exp(S::min(S::set1(20.0f), x));  // beyond 20 the factor is 1
    const V u = S::mul(e, S::add(e, S::set1(2.0f)));
    return S::mul(x, S::div(u, S::add(u, S::set1(2.0f))));
  }
  MWRT_INLINE V silu(V x) { return S::mul(x, sigmoid(x)); }
  /// log(1 + t), 0 <= t <= 1: 2 atanh(s), s = t / (2 + t) <= 1/3, as its series.
  MWRT_INLINE V log1p_unit(V t) {
    const V s = S::div(t, S::add(t, S::set1(2.0f)));
    const V q = S::mul(s, s);
    V p = S::set1(1.0f / 15.0f);
    p = S::fma(p, q, S::set1(1.0f / 13.0f));
    p = S::fma(p, q, S::set1(1.0f / 11.0f));
    p = S::fma(p, q, S::set1(1.0f / 9.0f));
    p = S::fma(p, q, S::set1(1.0f / 7.0f));
    p = S::fma(p, q, S::set1(1.0f / 5.0f));
    p = S::fma(p, q, S::set1(1.0f / 3.0f));
    p = S::fma(p, q, S::set1(1.0f));
    return S::mul(S::add(s, s), p);
  }
  MWRT_INLINE V softplus(V x) {
    const V e = exp(S::sub(S::set1(0.0f), S::abs(x)));
    return S::add(S::max(S::set1(0.0f), x), log1p_unit(e));
  }
  MWRT_INLINE V relu(V x) { return S::max(S::set1(0.0f), x); }
  MWRT_INLINE V leaky_relu(V x, V alpha) { return S::select_gt(x, S::set1(0.0f), x, S::mul(alpha, x)); }
  MWRT_INLINE V clip(V x, V low, V high) { return S::min(high, S::max(low, x)); }
};

}  // namespace metaworld_rt::kernels
