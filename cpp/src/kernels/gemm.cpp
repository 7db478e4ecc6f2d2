#include "kernels/gemm.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/gemm_tables.hpp"

namespace metaworld_rt::kernels {

namespace {

#if defined(__x86_64__)
BatchKernels with_extensions() noexcept {
  BatchKernels k = kBatchAvx512;
  if (cpu_features().avx512_bf16) {
    k.gemm[1] = gemm_bf16_avx512;
    k.peak[1] = peak_bf16_avx512;
    k.name[1] = "bf16-dpbf16ps";
    k.fast[1] = true;
  }
  if (cpu_features().avx512_vnni) {
    k.gemm[2] = gemm_int8_avx512;
    k.peak[2] = peak_int8_avx512;
    k.name[2] = "int8-vpdpbusd";
    k.fast[2] = true;
    k.gemm[3] = gemm_int16_avx512;
    k.peak[3] = peak_int16_avx512;
    k.name[3] = "int16-vpdpwssd";
  }
  return k;
}
#endif

/// Round to nearest even, as the row kernels do.
std::uint32_t to_bf16(float x) noexcept {
  std::uint32_t u;
  std::memcpy(&u, &x, sizeof u);
  return (u + 0x7fffu + (u >> 16 & 1u)) >> 16;
}

/// int16: the value of a weight's step, so that no sum of products, whole or in part, leaves 32 bits. Rounding moves a
/// sum by at most half a step for each of the weights and each of the numbers they meet.
float int16_scale(const float* row, std::uint32_t k, const float* reach) {
  constexpr float most = 32767.0f;
  float largest = 1e-30f, sum = 0.0f;
  for (std::uint32_t i = 0; i < k; ++i) {
    largest = std::max(largest, std::abs(row[i]));
    sum += std::abs(row[i]);
  }
  const float limit = 0.98f * (0x1p31f - static_cast<float>(k) * (most + 1.0f));
  return std::max(largest / most, (reach ? *reach : sum * most) / limit);
}

/// Where word `word` of `column` lies.
std::size_t place(const PackedWeights& w, std::uint32_t word, std::uint32_t column) noexcept {
  const std::uint32_t first = column / w.panel * w.panel;
  const bool wide = first + w.panel <= w.columns;
  const std::uint32_t width = wide ? w.panel : kPad;
  const std::uint32_t start = wide ? first : column / kPad * kPad;
  return static_cast<std::size_t>(start) * w.words + static_cast<std::size_t>(word) * width + (column - start);
}

}  // namespace

const BatchKernels& batch_kernels(Isa isa) noexcept {
#if defined(__x86_64__)
  if (isa == Isa::avx512 && supported(isa)) {
    static const BatchKernels best = with_extensions();
    return best;
  }
  if (isa == Isa::avx2 && supported(isa)) return kBatchAvx2;
#elif defined(__aarch64__)
  if (isa == Isa::neon) return kBatchNeon;
#endif
  (void)isa;
  return kBatchPortable;
}

PackedWeights pack(Storage storage, Isa isa, std::uint32_t k, std::span<const WeightBlock> blocks) {
  PackedWeights w;
  w.storage = storage;
  w.isa = isa;
  w.panel = batch_kernels(isa).panel;
  w.words = words(storage, k);
  for (const WeightBlock& b : blocks) w.columns += static_cast<std::uint32_t>(padded(b.n));
  w.data.assign(static_cast<std::size_t>(w.words) * w.columns, 0u);
  if (is_integer(storage)) w.scale.assign(w.columns, 0.0f);
  if (storage == Storage::int8) w.column_sum.assign(w.columns, 0.0f);
  const std::uint32_t per = per_word(storage), bits = 32 / per;
  std::uint32_t first = 0;
  for (const WeightBlock& b : blocks) {
    for (std::uint32_t n = 0; n < b.n; ++n) {
      const float* row = b.weight + static_cast<std::size_t>(n) * k;
      const std::uint32_t column = first + n;
      float scale = 0.0f;
      if (storage == Storage::int8) {
        for (std::uint32_t i = 0; i < k; ++i) scale = std::max(scale, std::abs(row[i]));
        scale = std::max(scale, 1e-30f) / 127.0f;
        w.scale[column] = scale;
      } else if (storage == Storage::int16) {
        w.scale[column] = scale = int16_scale(row, k, b.reach ? b.reach + n : nullptr);
      }
      long sum = 0;
      for (std::uint32_t i = 0; i < k; ++i) {
        std::uint32_t value = 0;
        if (storage == Storage::fp32) {
          std::memcpy(&value, &row[i], sizeof value);
        } else if (storage == Storage::bf16) {
          value = to_bf16(row[i]);
        } else if (storage == Storage::int16) {
          value = static_cast<std::uint32_t>(std::clamp(std::lrint(row[i] / scale), -32767l, 32767l)) & 0xffffu;
        } else {
          const long q = std::clamp(std::lrint(row[i] / scale), -127l, 127l);
          sum += q;
          value = static_cast<std::uint32_t>(q) & 255u;
        }
        w.data[place(w, i / per, column)] |= value << (i % per * bits);
      }
      if (storage == Storage::int8) w.column_sum[column] = scale * static_cast<float>(sum);
    }
    first += static_cast<std::uint32_t>(padded(b.n));
  }
  return w;
}

float PackedWeights::at(std::uint32_t k, std::uint32_t column) const noexcept {
  const std::uint32_t per = per_word(storage);
  const std::uint32_t word = data[place(*this, k / per, column)] >> (k % per * (32 / per));
  if (storage == Storage::int8) return scale[column] * static_cast<float>(static_cast<std::int8_t>(word & 255u));
  if (storage == Storage::int16) return scale[column] * static_cast<float>(static_cast<std::int16_t>(word & 0xffffu));
  const std::uint32_t bits = storage == Storage::bf16 ? word << 16 : word;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

}  // namespace metaworld_rt::kernels
