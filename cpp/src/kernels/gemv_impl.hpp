// The batch-1 kernels, written once over a vector type S. Each gemv_<isa>.cpp instantiates them with its own flags.
// No function of the standard library is called here: an inline one compiled with wide-vector flags could be the copy
// that the linker keeps for the whole program.
#pragma once

#include "kernels/gemv.hpp"
#include "kernels/vmath.hpp"

namespace metaworld_rt::kernels {

template <class S>
struct VectorKernelsOf {
  using V = typename S::V;
  using M = Math<S>;
  static constexpr std::uint32_t W = S::width;

  /// One panel of P vectors of rows. U columns are summed apart, so that P * U chains hide the latency of the FMA.
  template <std::uint32_t P, std::uint32_t U>
  MWRT_INLINE const float* panel(const float* w, const float* x, float* y, std::uint32_t in) {
    V sum[U][P];
    for (std::uint32_t p = 0; p < P; ++p) {
      sum[0][p] = S::load(w + p * W);
      for (std::uint32_t u = 1; u < U; ++u) sum[u][p] = S::set1(0.0f);
    }
    w += P * W;
    std::uint32_t j = 0;
    for (; j + U <= in; j += U) {
      for (std::uint32_t u = 0; u < U; ++u) {
        const V xj = S::set1(x[j + u]);
        for (std::uint32_t p = 0; p < P; ++p) sum[u][p] = S::fma(S::load(w + (u * P + p) * W), xj, sum[u][p]);
      }
      w += U * P * W;
    }
    for (; j < in; ++j) {
      const V xj = S::set1(x[j]);
      for (std::uint32_t p = 0; p < P; ++p) sum[0][p] = S::fma(S::load(w + p * W), xj, sum[0][p]);
      w += P * W;
    }
    for (std::uint32_t p = 0; p < P; ++p) {
      V total = sum[0][p];
      for (std::uint32_t u = 1; u < U; ++u) total = S::add(total, sum[u][p]);
      S::store(y + p * W, total);
    }
    return w;
  }

  static void gemv(const float* w, const float* x, float* y, std::uint32_t in, std::uint32_t out) noexcept {
    std::uint32_t left = (out + W - 1) / W;
    if constexpr (S::panel >= 16) {
      for (; left >= 16; left -= 16, y += 16 * W) w = panel<16, 1>(w, x, y, in);
    }
    for (; left >= 8; left -= 8, y += 8 * W) w = panel<8, 1>(w, x, y, in);
    if (left >= 4) w = panel<4, 2>(w, x, y, in), left -= 4, y += 4 * W;
    if (left >= 2) w = panel<2, 4>(w, x, y, in), left -= 2, y += 2 * W;
    if (left >= 1) panel<1, 8>(w, x, y, in);
  }

  template <class F>
  MWRT_INLINE void each(const float* x, float* y, std::uint32_t n, F f) {
    for (std::uint32_t i = 0; i < n; i += W) S::store(y + i, f(S::load(x + i)));
  }
  static void relu(const float* x, float* y, std::uint32_t n, float, float) noexcept {
    each(x, y, n, [](V v) __attribute__((always_inline)) { return M::relu(v); });
  }
  static void elu(const float* x, float* y, std::uint32_t n, float a, float) noexcept {
    const V alpha = S::set1(a);
    each(x, y, n, [=](V v) __attribute__((always_inline)) { return M::elu(v, alpha); });
  }
  static void tanh(const float* x, float* y, std::uint32_t n, float, float) noexcept {
    each(x, y, n, [](V v) __attribute__((always_inline)) { return M::tanh(v); });
  }
  static void sigmoid(const float* x, float* y, std::uint32_t n, float, float) noexcept {
    each(x, y, n, [](V v) __attribute__((always_inline)) { return M::sigmoid(v); });
  }
  static void mish(const float* x, float* y, std::uint32_t n, float, float) noexcept {
    each(x, y, n, [](V v) __attribute__((always_inline)) { return M::mish(v); });
  }
  static void silu(const float* x, float* y, std::uint32_t n, float, float) noexcept {
    each(x, y, n, [](V v) __attribute__((always_inline)) { return M::silu(v); });
  }
  static void leaky_relu(const float* x, float* y, std::uint32_t n, float a, float) noexcept {
    const V slope = S::set1(a);
    each(x, y, n, [=](V v) __attribute__((always_inline)) { return M::leaky_relu(v, slope); });
  }
  static void softplus(const float* x, float* y, std::uint32_t n, float, float) noexcept {
    each(x, y, n, [](V v) __attribute__((always_inline)) { return M::softplus(v); });
  }
  static void exp(const float* x, float* y, std::uint32_t n, float, float) noexcept {
    each(x, y, n, [](V v) __attribute__((always_inline)) { return M::exp(v); });
  }
  static void clip(const float* x, float* y, std::uint32_t n, float a, float b) noexcept {
    const V low = S::set1(a), high = S::set1(b);
    each(x, y, n, [=](V v) __attribute__((always_inline)) { return M::clip(v, low, high); });
  }

  /// Sum of f(x[i]) over exactly n elements.
  template <class F>
  MWRT_INLINE float total(const float* x, std::uint32_t n, F f) {
    V s = S::set1(0.0f);
    std::uint32_t i = 0;
    for (; i + W <= n; i += W) s = S::add(s, f(S::load(x + i)));
    float tail[W] = {};
    for (std::uint32_t k = i; k < n; ++k) {
      S::store(tail, f(S::set1(x[k])));  // the tail is short, and only in networks of odd sizes
      s = S::add(s, first(tail[0]));
    }
    return S::sum(s);
  }
  MWRT_INLINE V first(float a) {
    float lanes[W] = {a};
    return S::load(lanes);
  }

  static void layer_norm(const float* x, const float* gain, const float* bias, float* y, std::uint32_t n,
                         float epsilon) noexcept {
    const float mean = total(x, n, [](V v) __attribute__((always_inline)) { return v; }) / static_cast<float>(n);
    const V m = S::set1(mean);
    // Two passes: the variance around the true mean, without cancellation.
    const float var = total(x, n,
                            [=](V v) __attribute__((always_inline)) {
                              const V d = S::sub(v, m);
                              return S::mul(d, d);
                            }) /
                      static_cast<float>(n);
    const V scale = S::set1(1.0f / __builtin_sqrtf(var + epsilon));
    for (std::uint32_t i = 0; i < n; i += W) {
      const V d = S::mul(S::sub(S::load(x + i), m), scale);
      S::store(y + i, S::fma(d, S::load(gain + i), S::load(bias + i)));
    }
  }

  static void scale_shift(const float* x, const float* gain, const float* bias, float* y, std::uint32_t n) noexcept {
    for (std::uint32_t i = 0; i < n; i += W) {
      S::store(y + i, S::fma(S::load(x + i), S::load(gain + i), S::load(bias + i)));
    }
  }

  static void group_softmax(const float* x, float* y, std::uint32_t n, std::uint32_t group) noexcept {
    for (std::uint32_t g = 0; g < n; g += group) {
      float top = x[g];
      for (std::uint32_t i = g + 1; i < g + group; ++i) top = x[i] > top ? x[i] : top;
      for (std::uint32_t i = g; i < g + group; ++i) y[i] = x[i] - top;
    }
    exp(y, y, n, 0.0f, 0.0f);
    for (std::uint32_t g = 0; g < n; g += group) {
      float sum = 0.0f;
      for (std::uint32_t i = g; i < g + group; ++i) sum += y[i];
      const float scale = 1.0f / sum;
      for (std::uint32_t i = g; i < g + group; ++i) y[i] *= scale;
    }
  }

  static void add(const float* x, const float* y, float* out, std::uint32_t n) noexcept {
    for (std::uint32_t i = 0; i < n; i += W) S::store(out + i, S::add(S::load(x + i), S::load(y + i)));
  }
  static void sub(const float* x, const float* y, float* out, std::uint32_t n) noexcept {
    for (std::uint32_t i = 0; i < n; i += W) S::store(out + i, S::sub(S::load(x + i), S::load(y + i)));
  }
  static void mul(const float* x, const float* y, float* out, std::uint32_t n) noexcept {
    for (std::uint32_t i = 0; i < n; i += W) S::store(out + i, S::mul(S::load(x + i), S::load(y + i)));
  }
  static void div(const float* x, const float* y, float* out, std::uint32_t n) noexcept {
    for (std::uint32_t i = 0; i < n; i += W) S::store(out + i, S::div(S::load(x + i), S::load(y + i)));
  }

  static constexpr VectorKernels table(Isa isa) noexcept {
    return {isa,      W,   S::panel, gemv,       relu,        elu,           tanh, sigmoid, mish, silu, leaky_relu,
            softplus, exp, clip,     layer_norm, scale_shift, group_softmax, add,  sub,     mul,  div};
  }
};

}  // namespace metaworld_rt::kernels
