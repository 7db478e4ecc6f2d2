// What follows a GEMM, row by row, written once over a vector type: LayerNorm, activation, SimNorm, conversion to an
// operand, two-hot expectation. Padding columns are computed too, and multiplied by zero weights later.
#pragma once

#include <type_traits>

#include "kernels/gemm_tile.hpp"
#include "kernels/vmath.hpp"

namespace metaworld_rt::kernels {

template <class S>
struct Rows {
  using V = typename S::V;
  using U = typename Lanes<S>::U;
  using I = typename Lanes<S>::I;
  using M = Math<S>;
  static constexpr std::uint32_t W = S::width;
  static constexpr std::uint32_t kPerPad = kPad / W;  ///< vectors in 16 columns

  MWRT_INLINE V index(std::uint32_t first) {
    float lane[W];
    for (std::uint32_t i = 0; i < W; ++i) lane[i] = static_cast<float>(first + i);
    return S::load(lane);
  }

  /// x * u / (u + 2), u = e^x (e^x + 2): Mish with a reciprocal in place of a division. What is stored in 16 bits or
  /// less is computed with 13. Several vectors step by step: one after another they fill the scheduler with
  /// instructions that wait for each other.
  template <Storage storage, std::uint32_t count>
  MWRT_INLINE void mish(V* x) {
    constexpr bool rough = storage != Storage::fp32;
    V u[count], w[count];
    MWRT_UNROLL
    for (std::uint32_t k = 0; k < count; ++k) u[k] = S::min(S::set1(20.0f), x[k]);
    S::template exp_of<rough, count>(u);
    MWRT_UNROLL
    for (std::uint32_t k = 0; k < count; ++k) u[k] = S::mul(u[k], S::add(u[k], S::set1(2.0f)));
    MWRT_UNROLL
    for (std::uint32_t k = 0; k < count; ++k) w[k] = S::add(u[k], S::set1(2.0f));
    MWRT_UNROLL
    for (std::uint32_t k = 0; k < count; ++k) w[k] = rough ? S::reciprocal_rough(w[k]) : S::reciprocal(w[k]);
    MWRT_UNROLL
    for (std::uint32_t k = 0; k < count; ++k) x[k] = S::mul(S::mul(x[k], u[k]), w[k]);
  }

  static constexpr std::uint32_t kWide = S::wide_columns / kPad;
  static constexpr std::uint32_t kAtOnce = 4;  ///< rows whose sums run side by side, to hide the latency of additions

  struct Moments {
    float scale[kAtOnce], shift[kAtOnce];  ///< (x - mean) / sqrt(var + epsilon) = x * scale + shift
  };

  template <class F>
  MWRT_INLINE void sums(const float* x, std::size_t stride, std::uint32_t rows, std::uint32_t columns, float* total,
                        F f) {
    const float* at[kAtOnce];
    V s[kAtOnce];
    for (std::uint32_t r = 0; r < kAtOnce; ++r) {
      at[r] = x + (r < rows ? r : 0) * stride;
      s[r] = S::set1(0.0f);
    }
    for (std::uint32_t i = 0; i < columns; i += W) {
      for (std::uint32_t r = 0; r < kAtOnce; ++r) s[r] = S::add(s[r], f(S::load(at[r] + i), r));
    }
    for (std::uint32_t r = 0; r < kAtOnce; ++r) total[r] = S::sum(s[r]);
  }

  /// LayerNorm of up to kAtOnce rows, in two passes. The padding of x is zero (zero weights, zero bias); its share of
  /// the second sum is taken off. A row's bits do not depend on the rows beside it.
  MWRT_INLINE void moments(const RowArgs& a, const float* x, std::uint32_t rows, Moments& m) {
    const auto columns = static_cast<std::uint32_t>(padded(a.n));
    const float count = static_cast<float>(a.n), extra = static_cast<float>(columns - a.n);
    float mean[kAtOnce], square[kAtOnce];
    V centre[kAtOnce];
    sums(x, a.x_stride, rows, columns, mean, [](V v, std::uint32_t) __attribute__((always_inline)) { return v; });
    for (std::uint32_t r = 0; r < kAtOnce; ++r) centre[r] = S::set1(mean[r] /= count);
    sums(x, a.x_stride, rows, columns, square, [&](V v, std::uint32_t r) __attribute__((always_inline)) {
      const V d = S::sub(v, centre[r]);
      return S::mul(d, d);
    });
    for (std::uint32_t r = 0; r < kAtOnce; ++r) {
      m.scale[r] = 1.0f / __builtin_sqrtf((square[r] - extra * mean[r] * mean[r]) / count + a.epsilon);
      m.shift[r] = -mean[r] * m.scale[r];
    }
  }

  /// The same in one pass, where the result is stored in 16 bits or less: the variance from the sum of squares. Where
  /// the mean is more than a hundred deviations out it is taken as no more than that: what is left after cancelling
  /// must not make numbers large, because int16 counts on their norm.
  MWRT_INLINE void moments_in_one_pass(const RowArgs& a, const float* x, std::uint32_t rows, Moments& m) {
    const auto columns = static_cast<std::uint32_t>(padded(a.n));
    const float share = 1.0f / static_cast<float>(a.n);
    const float* at[kAtOnce];
    V sum[kAtOnce], square[kAtOnce];
    for (std::uint32_t r = 0; r < kAtOnce; ++r) {
      at[r] = x + (r < rows ? r : 0) * a.x_stride;
      sum[r] = square[r] = S::set1(0.0f);
    }
    for (std::uint32_t i = 0; i < columns; i += W) {
      for (std::uint32_t r = 0; r < kAtOnce; ++r) {
        const V v = S::load(at[r] + i);
        sum[r] = S::add(sum[r], v);
        square[r] = S::fma(v, v, square[r]);
      }
    }
    for (std::uint32_t r = 0; r < kAtOnce; ++r) {
      const float mean = S::sum(sum[r]) * share, least = 1e-4f * mean * mean;
      const float spread = S::sum(square[r]) * share - mean * mean;
      m.scale[r] = 1.0f / __builtin_sqrtf((spread < least ? least : spread) + a.epsilon);  // keeps a NaN
      m.shift[r] = -mean * m.scale[r];
    }
  }

  /// Calls f(row, scale, shift) for every row; 1 and 0 without a norm.
  template <bool norm, bool one_pass, class F>
  MWRT_INLINE void each_row(const RowArgs& a, F f) {
    for (std::uint32_t first = 0; first < a.rows; first += kAtOnce) {
      const std::uint32_t rows = a.rows - first < kAtOnce ? a.rows - first : kAtOnce;
      Moments m;
      if constexpr (norm && one_pass) moments_in_one_pass(a, a.x + first * a.x_stride, rows, m);
      if constexpr (norm && !one_pass) moments(a, a.x + first * a.x_stride, rows, m);
      for (std::uint32_t r = 0; r < rows; ++r) f(first + r, norm ? m.scale[r] : 1.0f, norm ? m.shift[r] : 0.0f);
    }
  }
  template <bool norm>
  MWRT_INLINE V normed(const RowArgs& a, const float* x, std::uint32_t i, V scale, V shift) {
    const V v = S::load(x + i);
    return norm ? S::fma(S::fma(v, scale, shift), S::load(a.gain + i), S::load(a.bias + i)) : v;
  }

  // --- operands ---------------------------------------------------------------------------------------------------

  /// Sixteen floats at x (in registers: kPerPad vectors) to their words.
  MWRT_INLINE void put(Storage storage, const V* v, std::uint32_t column, std::uint32_t* out) {
    if (storage == Storage::fp32) {
      for (std::uint32_t k = 0; k < kPerPad; ++k) S::store(reinterpret_cast<float*>(out + column) + k * W, v[k]);
    } else if (storage == Storage::bf16) {
      for (std::uint32_t k = 0; k < kPerPad; ++k) S::store_bf16(out + column / 2 + k * W / 2, v[k]);
    } else if (storage == Storage::int16) {
      S::store_i16(out + column / 2, v);
    } else {
      S::store_u8(out + column / 4, v);
    }
  }

  template <Storage storage>
  static void convert(const float* x, std::uint32_t n, float scale, float shift, std::uint32_t* out) noexcept {
    for (std::uint32_t i = 0; i < n; i += kPad) {
      V v[kPerPad];
      for (std::uint32_t k = 0; k < kPerPad; ++k) {
        v[k] = S::load(x + i + k * W);
        if (is_integer(storage)) v[k] = S::fma(v[k], S::set1(scale), S::set1(shift));
      }
      put(storage, v, i, out);
    }
  }

  // --- finish: norm, activation, group softmax --------------------------------------------------------------------

  /// f(v) replaces the vectors of 16 or 16 * kWide columns.
  template <Storage storage, bool norm, class F>
  MWRT_INLINE void map_rows(const RowArgs& a, F f) {
    const auto columns = static_cast<std::uint32_t>(padded(a.n));
    const V inverse_step = S::set1(1.0f / a.step);
    constexpr bool one_pass = storage != Storage::fp32;
    each_row<norm, one_pass>(
        a, [&](std::uint32_t row, float row_scale, float row_shift) __attribute__((always_inline)) {
          const V scale = S::set1(row_scale), shift = S::set1(row_shift);
          float* x = a.x + row * a.x_stride;
          std::uint32_t* out = a.out + row * a.out_stride;
          // A NaN has no place among 16 bits: the scale carries it, as it does in int8.
          if (storage == Storage::int16) a.out_scale[row] = a.step + 0.0f * row_scale;
          V low = S::set1(0.0f), high = S::set1(0.0f);  // zero is always in the range: it must be a step
          const auto part = [&]<std::uint32_t pads>(std::integral_constant<std::uint32_t, pads>, std::uint32_t i)
                                __attribute__((always_inline)) {
                                  constexpr std::uint32_t count = pads * kPerPad;
                                  V v[count];
                                  MWRT_UNROLL
                                  for (std::uint32_t k = 0; k < count; ++k)
                                    v[k] = normed<norm>(a, x, i + k * W, scale, shift);
                                  f(std::integral_constant<std::uint32_t, count>{}, v);
                                  if (storage == Storage::int8) {
                                    MWRT_UNROLL
                                    for (std::uint32_t k = 0; k < count; ++k) {
                                      low = S::min(low, v[k]);
                                      high = S::max(high, v[k]);
                                      S::store(x + i + k * W, v[k]);
                                    }
                                  } else {
                                    if (storage == Storage::int16) {
                                      MWRT_UNROLL
                                      for (std::uint32_t k = 0; k < count; ++k) v[k] = S::mul(v[k], inverse_step);
                                    }
                                    MWRT_UNROLL
                                    for (std::uint32_t k = 0; k < pads; ++k)
                                      put(storage, v + k * kPerPad, i + k * kPad, out);
                                  }
                                };
          std::uint32_t i = 0;
          for (; i + kWide * kPad <= columns; i += kWide * kPad)
            part(std::integral_constant<std::uint32_t, kWide>{}, i);
          for (; i < columns; i += kPad) part(std::integral_constant<std::uint32_t, 1>{}, i);
          if (storage == Storage::int8) quantise(x, columns, low, high, out, a.out_scale[row], a.out_zero[row]);
        });
  }

  MWRT_INLINE void quantise(const float* x, std::uint32_t columns, V low, V high, std::uint32_t* out, float& scale,
                            float& zero) {
    const float least = S::least(low), most = S::greatest(high);
    // An empty range would divide by zero; a NaN in the row must reach the caller, and the scale carries it.
    const float range = most - least;
    scale = (range > 1e-20f ? range : range == range ? 1e-20f : range) * (1.0f / unit_steps(Storage::int8));
    const float inverse = 1.0f / scale, shift = __builtin_rintf(-least * inverse);
    zero = scale * shift;
    for (std::uint32_t i = 0; i < columns; i += kPad) {
      V v[kPerPad];
      for (std::uint32_t k = 0; k < kPerPad; ++k) {
        v[k] = S::fma(S::load(x + i + k * W), S::set1(inverse), S::set1(shift));
      }
      S::store_u8(out + i / 4, v);
    }
  }

  template <Storage storage, class F>
  MWRT_INLINE void with_norm(const RowArgs& r, F f) {
    if (r.gain) {
      map_rows<storage, true>(r, f);
    } else {
      map_rows<storage, false>(r, f);
    }
  }
  template <Storage storage, class F>
  MWRT_INLINE void each_vector(const RowArgs& r, F f) {
    with_norm<storage>(r, [=](auto count, V* v) __attribute__((always_inline)) {
      for (std::uint32_t k = 0; k < count; ++k) v[k] = f(v[k]);
    });
  }

  template <Storage storage>
  static void finish(const RowArgs& r) noexcept {
    if (r.group) return simnorm<storage>(r);
    const V alpha = S::set1(r.alpha);
    switch (r.activation) {
      case RowActivation::none:
        return each_vector<storage>(r, [](V v) __attribute__((always_inline)) { return v; });
      case RowActivation::relu:
        return each_vector<storage>(r, [](V v) __attribute__((always_inline)) { return M::relu(v); });
      case RowActivation::elu:
        return each_vector<storage>(r, [=](V v) __attribute__((always_inline)) { return M::elu(v, alpha); });
      case RowActivation::tanh:
        return each_vector<storage>(r, [](V v) __attribute__((always_inline)) { return M::tanh(v); });
      case RowActivation::sigmoid:
        return each_vector<storage>(r, [](V v) __attribute__((always_inline)) { return M::sigmoid(v); });
      case RowActivation::mish:
        return with_norm<storage>(
            r, [](auto count, V* v) __attribute__((always_inline)) { mish<storage, decltype(count)::value>(v); });
      case RowActivation::silu:
        return each_vector<storage>(r, [](V v) __attribute__((always_inline)) { return M::silu(v); });
      case RowActivation::leaky_relu:
        return each_vector<storage>(r, [=](V v) __attribute__((always_inline)) { return M::leaky_relu(v, alpha); });
    }
  }

  /// Norm (no activation), then softmax over groups. Groups of 8 stay in registers, others pass through memory.
  template <Storage storage>
  static void simnorm(const RowArgs& a) noexcept {
    if (a.gain) {
      simnorm_rows<storage, true>(a);
    } else {
      simnorm_rows<storage, false>(a);
    }
  }
  template <Storage storage, bool norm>
  MWRT_INLINE void simnorm_rows(const RowArgs& a) {
    const auto columns = static_cast<std::uint32_t>(padded(a.n));
    each_row<norm, false>(a, [&](std::uint32_t row, float row_scale, float row_shift) __attribute__((always_inline)) {
      const V scale = S::set1(row_scale), shift = S::set1(row_shift);
      float* x = a.x + row * a.x_stride;
      std::uint32_t* out = a.out + row * a.out_stride;
      V v[kPerPad];
      for (std::uint32_t i = 0; i < columns; i += kPad) {
        for (std::uint32_t k = 0; k < kPerPad; ++k) {
          v[k] = normed<norm>(a, x, i + k * W, scale, shift);
          if (a.group != 8) S::store(x + i + k * W, v[k]);
        }
        if (a.group == 8) {
          softmax8(v);
          write_unit<storage>(v, i, out);
        }
      }
      if (a.group == 8) return;
      softmax_groups(x, a.n, columns, a.group);
      for (std::uint32_t i = 0; i < columns; i += kPad) {
        for (std::uint32_t k = 0; k < kPerPad; ++k) v[k] = S::load(x + i + k * W);
        write_unit<storage>(v, i, out);
      }
    });
  }

  template <Storage storage>
  MWRT_INLINE void write_unit(V* v, std::uint32_t column, std::uint32_t* out) {
    if (is_integer(storage)) {
      for (std::uint32_t k = 0; k < kPerPad; ++k) v[k] = S::mul(v[k], S::set1(unit_steps(storage)));
    }
    put(storage, v, column, out);
  }

  /// Two groups of eight in sixteen columns.
  MWRT_INLINE void softmax8(V* v) {
    V top[kPerPad], sum[kPerPad];
    for (std::uint32_t k = 0; k < kPerPad; ++k) top[k] = v[k];
    S::reduce8(top, [](V a, V b) __attribute__((always_inline)) { return S::max(a, b); });
    for (std::uint32_t k = 0; k < kPerPad; ++k) sum[k] = v[k] = S::exp(S::sub(v[k], top[k]));
    S::reduce8(sum, [](V a, V b) __attribute__((always_inline)) { return S::add(a, b); });
    for (std::uint32_t k = 0; k < kPerPad; ++k) v[k] = S::mul(v[k], S::reciprocal(sum[k]));
  }

  MWRT_INLINE void softmax_groups(float* x, std::uint32_t n, std::uint32_t columns, std::uint32_t group) {
    for (std::uint32_t g = 0; g + group <= n; g += group) {
      float top = x[g];
      for (std::uint32_t i = g + 1; i < g + group; ++i) top = x[i] > top ? x[i] : top;
      for (std::uint32_t i = g; i < g + group; ++i) x[i] -= top;
    }
    for (std::uint32_t i = 0; i < columns; i += W) S::store(x + i, S::exp(S::load(x + i)));
    for (std::uint32_t g = 0; g + group <= n; g += group) {
      float sum = 0.0f;
      for (std::uint32_t i = g; i < g + group; ++i) sum += x[i];
      const float scale = 1.0f / sum;
      for (std::uint32_t i = g; i < g + group; ++i) x[i] *= scale;
    }
  }

  // --- two-hot expectation ----------------------------------------------------------------------------------------

  static void two_hot(const TwoHotArgs& t) noexcept {
    const auto columns = static_cast<std::uint32_t>(padded(t.bins));
    const V bins = S::set1(static_cast<float>(t.bins));
    for (std::uint32_t row = 0; row < t.rows; ++row) {
      const float* x = t.x + row * t.x_stride;
      const auto logits = [=](std::uint32_t i) __attribute__((always_inline)) {
        const V v = S::load(x + i);
        return i + W > t.bins ? S::select_gt(bins, index(i), v, S::set1(-1e30f)) : v;  // padding weighs nothing
      };
      V top = logits(0);
      for (std::uint32_t i = W; i < columns; i += W) top = S::max(logits(i), top);
      top = S::set1(S::greatest(top));
      V weight = S::set1(0.0f), sum = S::set1(0.0f);
      for (std::uint32_t i = 0; i < columns; i += W) {
        const V e = S::exp(S::sub(logits(i), top));
        weight = S::add(weight, e);
        sum = S::fma(e, S::load(t.points + i), sum);
      }
      t.out[row] = S::sum(sum) / S::sum(weight);
    }
    for (std::uint32_t i = 0; i < t.rows; i += W) {  // sign(v) (e^|v| - 1)
      const V v = S::load(t.out + i);
      S::store(t.out + i, S::copysign(M::expm1(S::min(S::set1(88.0f), S::abs(v))), v));
    }
  }
};

}  // namespace metaworld_rt::kernels
