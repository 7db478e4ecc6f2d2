// Integer products: the same bits by every table of this machine, with the CPU's extensions and without, and no
// overflow.
#include <random>

#include "check.hpp"
#include "kernels/gemm_tables.hpp"

using namespace metaworld_rt::kernels;

namespace {

/// Every table in this build that the machine runs, the ones without extensions too.
std::vector<const BatchKernels*> tables() {
  std::vector<const BatchKernels*> all;
  for (Isa isa : {Isa::portable, Isa::neon, Isa::avx2, Isa::avx512}) {
    if (supported(isa)) all.push_back(&batch_kernels(isa));
  }
#if defined(__x86_64__)
  if (supported(Isa::avx512)) all.push_back(&kBatchAvx512);
#endif
  return all;
}

/// c = a * weights, a made of the words given.
AlignedVector<float> product(const BatchKernels& kernels, const PackedWeights& w, const std::uint32_t* a,
                             std::uint32_t rows, float scale) {
  AlignedVector<float> c(rows * w.columns), bias(w.columns, 0.0f);
  const AlignedVector<float> scales(rows, scale), zeros(rows, 0.0f);
  GemmArgs g;
  g.weights = &w, g.end = w.words, g.a = a, g.a_stride = w.words, g.rows = rows, g.bias = bias.data();
  g.a_scale = scales.data(), g.a_zero = zeros.data(), g.c = c.data(), g.c_stride = w.columns;
  kernels.gemm[static_cast<int>(w.storage)](g);
  return c;
}

}  // namespace

TEST_CASE("gemm: integer products have the same bits on every instruction set, with its extensions and without") {
  const std::uint32_t rows = 17, k = 148, n = 52;
  std::mt19937 random(2);
  std::normal_distribution<float> draw;
  AlignedVector<float> weight(n * k);
  for (float& x : weight) x = draw(random);
  const WeightBlock block{weight.data(), n};
  for (Storage s : {Storage::int8, Storage::int16}) {
    AlignedVector<std::uint32_t> a(rows * words(s, k));
    for (std::uint32_t& word : a) word = static_cast<std::uint32_t>(random());
    const auto want = product(batch_kernels(Isa::portable), pack(s, Isa::portable, k, {&block, 1}), a.data(), rows, 1);
    for (const BatchKernels* kernels : tables()) {
      const auto got = product(*kernels, pack(s, kernels->isa, k, {&block, 1}), a.data(), rows, 1);
      CHECK(std::memcmp(got.data(), want.data(), got.size() * sizeof(float)) == 0);
    }
  }
}

TEST_CASE("gemm int16: no sum leaves 32 bits, of the worst operand there is and of the worst that was promised") {
  for (const BatchKernels* kernels : tables()) {
    for (const std::uint32_t k : {2u, 64u, 1024u}) {
      AlignedVector<float> weight(k);
      for (std::uint32_t i = 0; i < k; ++i) weight[i] = i % 3 == 1 ? -0.7f : 0.7f;
      // Without a promise: any operand. With one: half as much.
      const float half = 0.7f * static_cast<float>(k) * 32767.0f / 2.0f;
      const WeightBlock blocks[] = {{weight.data(), 1}, {weight.data(), 1, &half}};
      const PackedWeights w = pack(Storage::int16, kernels->isa, k, blocks);
      CHECK(w.scale[16] <= w.scale[0]);
      for (const int most : {32767, 16383}) {
        AlignedVector<std::uint32_t> a(k / 2);
        double sum[2] = {};
        for (std::uint32_t i = 0; i < k; ++i) {
          const int x = weight[i] > 0 ? most : -most;
          a[i / 2] |= (static_cast<std::uint32_t>(x) & 0xffffu) << (16 * (i % 2));
          for (std::uint32_t block : {0u, 1u}) sum[block] += double{w.at(i, 16 * block)} * x;
        }
        const auto c = product(*kernels, w, a.data(), 1, 1.0f);
        CHECK_NEAR(c[0] / sum[0], 1.0, 1e-6);
        if (most == 16383) CHECK_NEAR(c[16] / sum[1], 1.0, 1e-6);  // the other one is more than was promised
      }
    }
  }
}

TEST_CASE("finish int16: behind LayerNorm no row has more than the norm that the sums count on, however far its mean") {
  const std::uint32_t n = 512;
  std::mt19937 random(3);
  std::normal_distribution<float> draw;
  for (const BatchKernels* kernels : tables()) {
    for (const float mean : {0.0f, 30.0f, 3e3f, 3e5f, -3e7f}) {
      AlignedVector<float> x(n), gain(n, 1.0f), bias(n, 0.0f), scale(1);
      for (float& v : x) v = mean + draw(random);
      AlignedVector<std::uint32_t> out(n / 2);
      RowArgs r;
      r.x = x.data(), r.x_stride = n, r.rows = 1, r.n = n, r.gain = gain.data(), r.bias = bias.data();
      r.out = out.data(), r.out_stride = n / 2, r.out_scale = scale.data(), r.step = 8.0f / 32767.0f;
      kernels->finish[3](r);
      double square = 0;
      for (const std::uint32_t word : out) {
        for (const std::uint32_t bits : {word & 0xffffu, word >> 16}) {
          const double v = double{scale[0]} * static_cast<std::int16_t>(bits);
          square += v * v;
        }
      }
      CHECK(square < 1.03 * n);
      CHECK(std::abs(mean) > 99.0f || square > 0.99 * n);
    }
  }
}

TEST_CASE("convert and finish to int16: rounded, clamped, and a range of weights as fine as promised") {
  for (const BatchKernels* kernels : tables()) {
    AlignedVector<float> x(16, 0.0f);
    x[0] = 0.25f, x[1] = -1.0f, x[2] = 1.0f, x[3] = 5.0f, x[4] = -5.0f, x[5] = 1.4f / 32767.0f;
    AlignedVector<std::uint32_t> out(16);
    kernels->convert[3](x.data(), 6, unit_steps(Storage::int16), 0.0f, out.data());
    const auto at = [&](std::uint32_t i) {
      return static_cast<int>(static_cast<std::int16_t>(out[i / 2] >> (16 * (i % 2)) & 0xffffu));
    };
    CHECK(at(0) == 8192 && at(1) == -32767 && at(2) == 32767 && at(3) == 32767 && at(4) == -32767 && at(5) == 1);
    RowArgs r;
    AlignedVector<float> scale(1);
    r.x = x.data(), r.x_stride = 16, r.rows = 1, r.n = 16, r.out = out.data(), r.out_stride = 16;
    r.out_scale = scale.data(), r.step = 1e-4f;
    kernels->finish[3](r);
    CHECK(at(0) == 2500 && at(1) == -10000 && at(3) == 32767 && at(4) == -32767 && scale[0] == 1e-4f);
  }
}
