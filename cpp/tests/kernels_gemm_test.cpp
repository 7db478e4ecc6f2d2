// Batched kernels against plain double arithmetic, for every instruction set of this machine and every number format.
#include "kernels/gemm.hpp"

#include <cmath>
#include <numeric>
#include <random>

#include "check.hpp"

using namespace metaworld_rt::kernels;

namespace {

std::vector<Isa> isas() {
  std::vector<Isa> all;
  for (Isa isa : {Isa::portable, Isa::neon, Isa::avx2, Isa::avx512}) {
    if (supported(isa)) all.push_back(isa);
  }
  return all;
}

AlignedVector<float> normals(std::size_t n, unsigned seed) {
  std::mt19937 engine(seed);
  std::normal_distribution<float> draw;
  AlignedVector<float> v(n);
  for (float& x : v) x = draw(engine);
  return v;
}

float number(const std::uint32_t* row, Storage s, std::uint32_t k, float scale, float zero) {
  const std::uint32_t per = per_word(s);
  const std::uint32_t word = row[k / per] >> (k % per * (32 / per));
  if (s == Storage::int8) return scale * static_cast<float>(word & 255u) - zero;
  if (s == Storage::int16) return scale * static_cast<float>(static_cast<std::int16_t>(word & 0xffffu));
  const std::uint32_t bits = s == Storage::bf16 ? word << 16 : word;
  float x;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}

constexpr Storage kAll[] = {Storage::fp32, Storage::bf16, Storage::int8, Storage::int16};
constexpr double kRelative[] = {1e-6, 0.005, 0.005, 0.001};  // of one number of an operand
constexpr float kStep = 16.0f / 32767.0f;                    // of int16 operands

/// An operand from floats through finish() without norm or activation.
struct Operand {
  AlignedVector<std::uint32_t> data;
  AlignedVector<float> scale, zero;
  std::size_t stride;
  Operand(const BatchKernels& kernels, Storage s, AlignedVector<float> x, std::uint32_t rows, std::uint32_t n)
      : data(rows * padded(n)), scale(padded(rows)), zero(padded(rows)), stride(padded(n)) {
    RowArgs r;
    r.x = x.data(), r.x_stride = padded(n), r.rows = rows, r.n = n;
    r.out = data.data(), r.out_stride = stride, r.out_scale = scale.data(), r.out_zero = zero.data();
    r.step = kStep;
    kernels.finish[static_cast<int>(s)](r);
  }
};

}  // namespace

TEST_CASE("gemm: every format and odd size equals the double product of the quantised numbers") {
  for (Isa isa : isas()) {
    const BatchKernels& kernels = batch_kernels(isa);
    for (Storage s : kAll) {
      for (auto [rows, k, n0, n1] :
           {std::array{1u, 4u, 1u, 3u}, {13u, 20u, 40u, 5u}, {29u, 148u, 101u, 64u}, {64u, 64u, 33u, 16u}}) {
        const auto w0 = normals(n0 * k, 1), w1 = normals(n1 * k, 2);
        const WeightBlock blocks[] = {{w0.data(), n0}, {w1.data(), n1}};
        const PackedWeights w = pack(s, isa, k, blocks);
        CHECK_EQ(w.columns, padded(n0) + padded(n1));
        auto x = normals(rows * padded(k), 3);
        const Operand a(kernels, s, x, rows, k);
        const auto bias = normals(w.columns, 4);
        AlignedVector<float> c(rows * w.columns, NAN);
        GemmArgs g;
        g.weights = &w, g.end = w.words, g.a = a.data.data(), g.a_stride = a.stride, g.a_scale = a.scale.data();
        g.a_zero = a.zero.data(), g.rows = rows, g.bias = bias.data(), g.c = c.data(), g.c_stride = w.columns;
        kernels.gemm[static_cast<int>(s)](g);
        double worst = 0, worst_weight = 0;
        for (std::uint32_t r = 0; r < rows; ++r) {
          for (std::uint32_t j = 0; j < n0 + n1; ++j) {
            const std::uint32_t column = j < n0 ? j : static_cast<std::uint32_t>(padded(n0)) + j - n0;
            double sum = bias[column];
            for (std::uint32_t i = 0; i < k; ++i) {
              sum += double{number(a.data.data() + r * a.stride, s, i, a.scale[r], a.zero[r])} * w.at(i, column);
              const float exact = j < n0 ? w0[j * k + i] : w1[(j - n0) * k + i];
              worst_weight = std::max(worst_weight, std::abs(double{w.at(i, column)} - exact));
            }
            worst = std::max(worst, std::abs(sum - c[r * w.columns + column]));
          }
        }
        CHECK(worst < 2e-4);
        CHECK(worst_weight < 4.0 * kRelative[static_cast<int>(s)]);
        CHECK_EQ(c[0] == c[0], true);
      }
    }
  }
}

TEST_CASE("gemm: a row's bits do not depend on the rows beside it, and a range of K starts where it says") {
  for (Isa isa : isas()) {
    const BatchKernels& kernels = batch_kernels(isa);
    for (Storage s : kAll) {
      const std::uint32_t rows = 37, k = 64, n = 48, per = per_word(s);
      const auto weight = normals(n * k, 1);
      const WeightBlock blocks[] = {{weight.data(), n}};
      const PackedWeights w = pack(s, isa, k, blocks);
      AlignedVector<float> unit(k), bias(n, 0.25f), c(rows * n), one(n);
      AlignedVector<std::uint32_t> a(rows * k);
      const float steps = unit_steps(s);
      const AlignedVector<float> scale(rows, 1.0f / steps), zero(rows, 0.0f);
      for (std::uint32_t r = 0; r < rows; ++r) {
        for (std::uint32_t i = 0; i < k; ++i) unit[i] = static_cast<float>((r * 31 + i * 17) % 256) / 255.0f;
        kernels.convert[static_cast<int>(s)](unit.data(), k, steps, 0.0f, a.data() + r * k);
      }
      GemmArgs g;
      g.weights = &w, g.begin = 16 / per, g.end = w.words, g.a = a.data() + 16 / per, g.a_stride = k;
      g.a_scale = scale.data(), g.a_zero = zero.data(), g.rows = rows, g.bias = bias.data(), g.c = c.data(),
      g.c_stride = n;
      kernels.gemm[static_cast<int>(s)](g);
      double sum = 0.25;
      for (std::uint32_t i = 16; i < k; ++i)
        sum += double{number(a.data() + 5 * k, s, i, 1.0f / steps, 0)} * w.at(i, 7);
      CHECK_NEAR(c[5 * n + 7], sum, 1e-4);
      for (std::uint32_t r = 0; r < rows; ++r) {
        g.a = a.data() + r * k + 16 / per, g.rows = 1, g.c = one.data();
        kernels.gemm[static_cast<int>(s)](g);
        CHECK(std::memcmp(one.data(), c.data() + r * n, n * sizeof(float)) == 0);
      }
    }
  }
}

namespace {
double activate(RowActivation f, double x, double alpha) {
  switch (f) {
    case RowActivation::none:
      return x;
    case RowActivation::relu:
      return std::max(x, 0.0);
    case RowActivation::elu:
      return x > 0 ? x : alpha * std::expm1(x);
    case RowActivation::tanh:
      return std::tanh(x);
    case RowActivation::sigmoid:
      return 1 / (1 + std::exp(-x));
    case RowActivation::mish:
      return x * std::tanh(std::log1p(std::exp(x)));
    case RowActivation::silu:
      return x / (1 + std::exp(-x));
    case RowActivation::leaky_relu:
      return x > 0 ? x : alpha * x;
  }
  return 0;
}
}  // namespace

TEST_CASE("finish: norm, every activation and SimNorm, every format and odd width") {
  for (Isa isa : isas()) {
    const BatchKernels& kernels = batch_kernels(isa);
    for (Storage s : kAll) {
      for (const bool norm : {false, true}) {
        for (int f = 0; f < 10; ++f) {  // 8 activations, SimNorm of 8, of 4
          for (const std::uint32_t n : {16u, 40u, 384u, 100u}) {
            const std::uint32_t rows = 5;
            const std::size_t columns = padded(n);
            auto x = normals(rows * columns, n);
            for (float& v : x) v = 3.0f * v + 0.5f;
            auto gain = normals(columns, 7), bias = normals(columns, 8);
            for (std::size_t i = n; i < columns; ++i) {
              gain[i] = bias[i] = 0.0f;
              for (std::uint32_t r = 0; r < rows; ++r) x[r * columns + i] = 0.0f;
            }
            const auto before = x;
            AlignedVector<std::uint32_t> out(rows * columns);
            AlignedVector<float> scale(16, 1.0f / unit_steps(s)), zero(16, 0.0f);
            RowArgs r;
            r.x = x.data(), r.x_stride = columns, r.rows = rows, r.n = n;
            if (norm) r.gain = gain.data(), r.bias = bias.data();
            r.activation = static_cast<RowActivation>(f < 8 ? f : 0), r.alpha = 0.7f;
            r.group = f == 8 ? 8 : f == 9 ? 4 : 0;
            if (r.group && n % r.group) continue;
            r.out = out.data(), r.out_stride = columns, r.out_scale = scale.data(), r.out_zero = zero.data();
            r.step = 2 * kStep;
            kernels.finish[static_cast<int>(s)](r);
            for (std::uint32_t row = 0; row < rows; ++row) {
              std::vector<double> y(before.begin() + static_cast<long>(row * columns),
                                    before.begin() + static_cast<long>(row * columns + n));
              if (norm) {
                const double mean = std::accumulate(y.begin(), y.end(), 0.0) / n;
                double var = 0;
                for (double v : y) var += (v - mean) * (v - mean) / n;
                for (std::uint32_t i = 0; i < n; ++i) y[i] = (y[i] - mean) / std::sqrt(var + 1e-5) * gain[i] + bias[i];
              }
              for (double& v : y) v = activate(r.activation, v, 0.7f);
              for (std::uint32_t g = 0; r.group && g < n; g += r.group) {
                double sum = 0;
                for (std::uint32_t i = g; i < g + r.group; ++i) sum += std::exp(y[i]);
                for (std::uint32_t i = g; i < g + r.group; ++i) y[i] = std::exp(y[i]) / sum;
              }
              double least = 0, most = 0, worst = 0;
              for (std::uint32_t i = 0; i < n; ++i) {
                least = std::min(least, y[i]), most = std::max(most, y[i]);
                const double got = number(out.data() + row * columns, s, i, scale[row], zero[row]);
                double allowed = 2e-6 * (1 + std::abs(y[i]));
                if (s == Storage::bf16) allowed = 0.004 * std::abs(y[i]) + 2e-6;
                if (s == Storage::int16) allowed = 1.5e-4 * std::abs(y[i]) + 5e-6;  // Mish is rough, one pass is not
                worst = std::max(worst, std::abs(got - y[i]) - allowed);
              }
              // int8 rounds twice: the value to a step, and the zero point to one. int16 rounds once.
              double steps = 0.0;
              if (s == Storage::int8) steps = 1.01 * (r.group ? 1.0 : most - least) / 255;
              if (s == Storage::int16) steps = 0.501 * (r.group ? 1.0 / unit_steps(s) : r.step);
              CHECK(worst <= steps);
            }
          }
        }
      }
    }
  }
}

TEST_CASE("finish: an infinite or NaN row does not become finite") {
  for (Isa isa : isas()) {
    for (Storage s : kAll) {
      AlignedVector<float> x(16, 1.0f), gain(16, 1.0f), bias(16, 0.0f), scale(16), zero(16);
      AlignedVector<std::uint32_t> out(16);
      x[3] = NAN;
      RowArgs r;
      r.x = x.data(), r.x_stride = 16, r.rows = 1, r.n = 16, r.gain = gain.data(), r.bias = bias.data();
      r.activation = RowActivation::mish;
      r.out = out.data(), r.out_stride = 16, r.out_scale = scale.data(), r.out_zero = zero.data();
      batch_kernels(isa).finish[static_cast<int>(s)](r);
      for (std::uint32_t i = 0; i < 16; ++i) CHECK(!std::isfinite(number(out.data(), s, i, scale[0], zero[0])));
    }
  }
}

TEST_CASE("two_hot: expectation and symexp, with any padding, keeps a NaN") {
  for (Isa isa : isas()) {
    for (const std::uint32_t bins : {2u, 16u, 101u}) {
      const std::uint32_t rows = 19;
      const std::size_t columns = padded(bins);
      auto x = normals(rows * columns, bins);
      AlignedVector<float> points(columns, 0.0f), out(padded(rows));
      for (std::uint32_t i = 0; i < bins; ++i)
        points[i] = -10.0f + 20.0f * static_cast<float>(i) / static_cast<float>(bins - 1);
      for (std::uint32_t r = 0; r < rows; ++r) {
        for (std::uint32_t i = 0; i < bins; ++i) x[r * columns + i] = x[r * columns + i] * 3 - (r == 1 ? 40.0f : 0.0f);
        for (std::size_t i = bins; i < columns; ++i) x[r * columns + i] = 99.0f;
      }
      x[2 * columns + bins - 1] = NAN;
      TwoHotArgs t;
      t.x = x.data(), t.x_stride = columns, t.rows = rows, t.bins = bins, t.points = points.data(), t.out = out.data();
      batch_kernels(isa).two_hot(t);
      for (std::uint32_t r = 0; r < rows; ++r) {
        double sum = 0, weight = 0;
        for (std::uint32_t i = 0; i < bins; ++i) {
          const double e = std::exp(double{x[r * columns + i]});
          sum += e * points[i], weight += e;
        }
        const double v = sum / weight, want = std::copysign(std::expm1(std::abs(v)), v);
        if (r == 2)
          CHECK(std::isnan(out[r]));
        else
          CHECK_NEAR(out[r], want, 1e-5 * (1 + std::abs(want)));
      }
    }
  }
}

namespace {
std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> c, std::uint32_t k0, std::uint32_t k1) {
  for (int r = 0; r < 10; ++r) {
    const std::uint64_t p0 = 0xD2511F53ull * c[0], p1 = 0xCD9E8D57ull * c[2];
    c = {static_cast<std::uint32_t>(p1 >> 32) ^ c[1] ^ k0, static_cast<std::uint32_t>(p1),
         static_cast<std::uint32_t>(p0 >> 32) ^ c[3] ^ k1, static_cast<std::uint32_t>(p0)};
    k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
  }
  return c;
}
}  // namespace

TEST_CASE("normal: Philox with its published answers, Box-Muller, the same on every instruction set") {
  CHECK(philox({0, 0, 0, 0}, 0, 0) ==
        (std::array<std::uint32_t, 4>{0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u}));
  CHECK(philox({0xffffffffu, 0xffffffffu, 0xffffffffu, 0xffffffffu}, 0xffffffffu, 0xffffffffu) ==
        (std::array<std::uint32_t, 4>{0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu}));
  for (Isa isa : isas()) {
    double sum = 0, square = 0, fourth = 0, worst = 0;
    const std::uint32_t n = 57, rows = 512;
    for (std::uint32_t row = 0; row < rows; ++row) {
      AlignedVector<float> out(64);
      NoiseArgs a;
      a.seed = 0x123456789abcdefull, a.stream = 0x500000002ull, a.row = row, a.iteration = 3, a.out = out.data(),
      a.n = n;
      batch_kernels(isa).normal(a);
      for (std::uint32_t i = 0; i < 16; ++i) {
        const std::uint64_t key = a.seed ^ 0x500000000ull;
        const auto u = philox({i, row, 3, 2}, static_cast<std::uint32_t>(key), static_cast<std::uint32_t>(key >> 32));
        for (std::uint32_t p = 0; p < 2; ++p) {
          const double radius = std::sqrt(-2 * std::log(((u[2 * p] >> 8) + 0.5) / 16777216.0));
          const double angle = 2 * 3.14159265358979323846 * (((u[2 * p + 1] >> 8) + 0.5) / 16777216.0);
          worst = std::max(worst, std::abs(out[32 * p + i] - radius * std::cos(angle)));
          worst = std::max(worst, std::abs(out[32 * p + 16 + i] - radius * std::sin(angle)));
        }
      }
      for (std::uint32_t i = 0; i < n; ++i) sum += out[i], square += out[i] * out[i], fourth += std::pow(out[i], 4);
    }
    CHECK(worst < 3e-6);
    const double count = n * rows;
    CHECK_NEAR(sum / count, 0.0, 0.03);
    CHECK_NEAR(square / count, 1.0, 0.03);
    CHECK_NEAR(fourth / count, 3.0, 0.2);
  }
}
