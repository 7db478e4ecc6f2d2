// The batch-1 kernels of every instruction set this machine has, against the same sums in double precision.
#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "check.hpp"
#include "kernels/gemv.hpp"

namespace k = metaworld_rt::kernels;

namespace {

std::vector<k::Isa> isas() {
  std::vector<k::Isa> all;
  for (k::Isa isa : {k::Isa::portable, k::Isa::neon, k::Isa::avx2, k::Isa::avx512}) {
    if (k::supported(isa)) all.push_back(isa);
  }
  return all;
}

/// A slot as the executor makes it: padded, the padding full of a value that would be noticed.
std::vector<float> slot(const std::vector<float>& x) {
  std::vector<float> padded(k::padded(x.size()), std::numeric_limits<float>::quiet_NaN());
  std::copy(x.begin(), x.end(), padded.begin());
  return padded;
}

std::vector<float> random_vector(std::mt19937& rng, std::size_t n) {
  std::normal_distribution<float> normal;
  std::vector<float> x(n);
  for (float& v : x) v = normal(rng);
  return x;
}

/// Greatest error of `map` against `exact` over [low, high], relative to |exact| + floor.
double worst(k::Map map, double (*exact)(double), double low, double high, double floor, float a = 0, float b = 0) {
  constexpr std::size_t kPoints = 40000;
  std::vector<float> x(kPoints), y(kPoints);
  for (std::size_t i = 0; i < kPoints; ++i) {
    x[i] = static_cast<float>(low + (high - low) * static_cast<double>(i) / (kPoints - 1));
  }
  map(x.data(), y.data(), kPoints, a, b);
  double error = 0;
  for (std::size_t i = 0; i < kPoints; ++i) {
    const double e = exact(x[i]);
    error = std::max(error, std::abs(y[i] - e) / (std::abs(e) + floor));
  }
  return error;
}

}  // namespace

TEST_CASE("the default instruction set is one the machine has, and a forced one is taken") {
  CHECK(k::supported(k::active_isa()));
  CHECK(k::supported(k::Isa::portable));
  for (k::Isa isa : isas()) {
    CHECK(k::force_isa(isa));
    CHECK(k::active_isa() == isa);
    CHECK(k::vector_kernels(isa).isa == isa);
  }
  k::unforce_isa();
#if defined(__x86_64__)
  CHECK(!k::force_isa(k::Isa::neon));
#endif
}

TEST_CASE("gemv: every instruction set, sizes with and without remainders") {
  std::mt19937 rng(1);
  for (k::Isa isa : isas()) {
    const auto& kernels = k::vector_kernels(isa);
    for (std::uint32_t in : {1u, 2u, 7u, 16u, 61u, 96u, 300u}) {
      for (std::uint32_t out : {1u, 3u, 8u, 16u, 19u, 29u, 33u, 64u, 100u, 127u, 256u, 300u}) {
        const auto w = random_vector(rng, std::size_t{in} * out), bias = random_vector(rng, out);
        const auto x = slot(random_vector(rng, in));
        std::vector<float> packed(k::packed_gemv_size(kernels, in, out));
        k::pack_gemv(kernels, w.data(), bias.data(), in, out, packed.data());
        std::vector<float> y(k::padded(out), -1.0f);
        kernels.gemv(packed.data(), x.data(), y.data(), in, out);
        double error = 0;
        for (std::uint32_t o = 0; o < out; ++o) {
          double sum = bias[o], size = std::abs(bias[o]);
          for (std::uint32_t i = 0; i < in; ++i) {
            sum += static_cast<double>(w[std::size_t{o} * in + i]) * x[i];
            size += std::abs(static_cast<double>(w[std::size_t{o} * in + i]) * x[i]);
          }
          error = std::max(error, std::abs(y[o] - sum) / size);
        }
        CHECK(error < 2e-6);
      }
    }
  }
}

TEST_CASE("elementary functions: every instruction set, relative error against double precision") {
  for (k::Isa isa : isas()) {
    const auto& v = k::vector_kernels(isa);
    CHECK(worst(v.exp, [](double x) { return std::exp(x); }, -87, 88, 0) < 4e-7);
    CHECK(worst(v.tanh, [](double x) { return std::tanh(x); }, -12, 12, 1e-30) < 4e-7);
    CHECK(worst(v.tanh, [](double x) { return std::tanh(x); }, -1e-3, 1e-3, 1e-30) < 4e-7);
    CHECK(worst(v.sigmoid, [](double x) { return 1 / (1 + std::exp(-x)); }, -80, 80, 0) < 6e-7);
    CHECK(worst(v.mish, [](double x) { return x * std::tanh(std::log1p(std::exp(x))); }, -80, 80, 1e-30) < 1e-6);
    CHECK(worst(v.silu, [](double x) { return x / (1 + std::exp(-x)); }, -80, 80, 1e-30) < 1e-6);
    CHECK(worst(v.softplus, [](double x) { return std::log1p(std::exp(x)); }, -80, 80, 0) < 1e-6);
    CHECK(worst(v.elu, [](double x) { return x > 0 ? x : 0.7 * std::expm1(x); }, -30, 5, 1e-30, 0.7f) < 5e-7);
    CHECK(worst(v.elu, [](double x) { return x > 0 ? x : 0.7 * std::expm1(x); }, -1e-4, 1e-4, 1e-30, 0.7f) < 5e-7);
    CHECK(worst(v.relu, [](double x) { return std::max(x, 0.0); }, -5, 5, 1e-30) == 0);
    CHECK(worst(v.leaky_relu, [](double x) { return x > 0 ? x : 0.25 * x; }, -5, 5, 1e-30, 0.25f) == 0);
    CHECK(worst(v.clip, [](double x) { return std::clamp(x, -1.5, 2.0); }, -5, 5, 1e-30, -1.5f, 2.0f) == 0);
  }
}

TEST_CASE("a NaN stays a NaN, and large numbers do not become one") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (k::Isa isa : isas()) {
    const auto& v = k::vector_kernels(isa);
    for (k::Map map : {v.exp, v.tanh, v.sigmoid, v.mish, v.silu, v.softplus, v.elu, v.relu, v.leaky_relu, v.clip}) {
      std::vector<float> x(16, 0.5f), y(16);
      x[3] = nan;
      map(x.data(), y.data(), 16, 1.0f, 2.0f);
      CHECK(std::isnan(y[3]));
      CHECK(std::isfinite(y[2]) && std::isfinite(y[4]));
      for (float big : {1e30f, -1e30f, 500.0f, -500.0f}) {
        std::fill(x.begin(), x.end(), big);
        map(x.data(), y.data(), 16, 1.0f, 2.0f);
        CHECK(!std::isnan(y[0]));
      }
    }
  }
}

TEST_CASE("layer norm, softmax in groups and arithmetic: odd sizes, padding never read into the result") {
  std::mt19937 rng(2);
  for (k::Isa isa : isas()) {
    const auto& v = k::vector_kernels(isa);
    for (std::uint32_t n : {1u, 5u, 16u, 24u, 40u, 129u, 512u}) {
      const auto x = slot(random_vector(rng, n)), gain = slot(random_vector(rng, n)),
                 bias = slot(random_vector(rng, n));
      std::vector<float> y(k::padded(n));
      v.layer_norm(x.data(), gain.data(), bias.data(), y.data(), n, 1e-5f);
      double mean = 0, var = 0;
      for (std::uint32_t i = 0; i < n; ++i) mean += x[i] / static_cast<double>(n);
      for (std::uint32_t i = 0; i < n; ++i) var += (x[i] - mean) * (x[i] - mean) / static_cast<double>(n);
      for (std::uint32_t i = 0; i < n; ++i) {
        CHECK_NEAR(y[i], (x[i] - mean) / std::sqrt(var + 1e-5) * gain[i] + bias[i], 2e-6 * (1 + std::abs(gain[i])));
      }
      for (std::uint32_t group : {n, 8u, 1u}) {
        if (n % group != 0) continue;
        v.group_softmax(x.data(), y.data(), n, group);
        for (std::uint32_t g = 0; g < n; g += group) {
          double sum = 0;
          for (std::uint32_t i = g; i < g + group; ++i) sum += std::exp(static_cast<double>(x[i]));
          for (std::uint32_t i = g; i < g + group; ++i)
            CHECK_NEAR(y[i], std::exp(static_cast<double>(x[i])) / sum, 5e-7);
        }
      }
      v.scale_shift(x.data(), gain.data(), bias.data(), y.data(), n);
      CHECK_NEAR(y[n - 1], static_cast<double>(x[n - 1]) * gain[n - 1] + bias[n - 1], 1e-6 * (1 + std::abs(y[n - 1])));
      v.add(x.data(), gain.data(), y.data(), n);
      CHECK_EQ(y[n - 1], x[n - 1] + gain[n - 1]);
      v.sub(x.data(), gain.data(), y.data(), n);
      CHECK_EQ(y[n - 1], x[n - 1] - gain[n - 1]);
      v.mul(x.data(), gain.data(), y.data(), n);
      CHECK_EQ(y[n - 1], x[n - 1] * gain[n - 1]);
      v.div(x.data(), gain.data(), y.data(), n);
      CHECK_EQ(y[n - 1], x[n - 1] / gain[n - 1]);
    }
  }
}
