// Batched kernels: many rows (trajectories) times one packed weight matrix, and what follows a dense layer row by row:
// LayerNorm, activation, SimNorm, two-hot expectation, and the conversion to the next layer's number format.
//
// An *operand* is a row-major matrix of 32-bit words: one float32, two bfloat16 or int16, or four uint8 in a word. So
// every number format runs through one tile: broadcast a word of the operand, multiply by a vector of packed weights,
// add. A row's result depends on that row alone, not on how many rows are computed together: any split of the rows over
// blocks and threads gives the same bits.
//
// Widths are padded to 16 columns; kernels read and write the padding. Everything but pack() is real-time safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/aligned.hpp"
#include "kernels/cpu.hpp"
#include "kernels/gemv.hpp"  // kPad, padded()

namespace metaworld_rt::kernels {

/// Number format of operands and weights. int8: weights signed with a scale a column; activations unsigned with a
/// scale and a zero point a row. int16: weights and activations signed, a scale a column and one a layer; products are
/// summed in int32 over all of K, which pack() chooses the weights' scales for.
enum class Storage : std::uint8_t { fp32 = 0, bf16, int8, int16 };
inline constexpr std::size_t kStorages = 4;

constexpr std::uint32_t per_word(Storage s) noexcept { return s == Storage::fp32 ? 1 : s == Storage::int8 ? 4 : 2; }
constexpr bool is_integer(Storage s) noexcept { return s == Storage::int8 || s == Storage::int16; }
/// Words that hold n numbers.
constexpr std::uint32_t words(Storage s, std::uint32_t n) noexcept { return (n + per_word(s) - 1) / per_word(s); }

enum class RowActivation : std::uint8_t { none, relu, elu, tanh, sigmoid, mish, silu, leaky_relu };

/// Weights of one GEMM, constant after pack(). Panels of `panel` columns (then one of 16); in a panel, word by word
/// along K, the words of its columns side by side: one stream, read front to back.
struct PackedWeights {
  Storage storage{};
  Isa isa{};
  std::uint32_t panel = 0;
  std::uint32_t words = 0;    ///< along K
  std::uint32_t columns = 0;  ///< a multiple of kPad
  AlignedVector<std::uint32_t> data;
  AlignedVector<float> scale;       ///< int8, int16: [columns] value of one step
  AlignedVector<float> column_sum;  ///< int8: [columns] scale * sum over K of the quantised weights

  /// The weight as the kernel sees it, k counted in numbers. For tests and for folding constants. Not fast.
  float at(std::uint32_t k, std::uint32_t column) const noexcept;
};

/// A dense weight, row-major [n][k]. It starts at a column that is a multiple of kPad.
struct WeightBlock {
  const float* weight = nullptr;
  std::uint32_t n = 0;
  /// int16: [n] a bound of |sum over K, or over part of it, of weight times operand|, the operand counted in its steps.
  /// Null: of any operand. The tighter it is, the finer are the weights' steps.
  const float* reach = nullptr;
};

/// Packs blocks of equal k side by side. k must fill whole words. Allocates. The ISA's table must be the one that runs.
PackedWeights pack(Storage storage, Isa isa, std::uint32_t k, std::span<const WeightBlock> blocks);

/// c = operand[words begin..end) * weights + bias.
struct GemmArgs {
  const PackedWeights* weights = nullptr;
  std::uint32_t begin = 0, end = 0;  ///< words along K
  const std::uint32_t* a = nullptr;  ///< the operand's word `begin` of row 0
  std::size_t a_stride = 0;          ///< words
  const float* a_scale = nullptr;    ///< int8, int16: value of one step, a row
  const float* a_zero = nullptr;     ///< int8: a_scale * zero point, a row; 0 unless begin..end is all of K
  std::uint32_t rows = 0;
  const float* bias = nullptr;  ///< [columns]
  float* c = nullptr;
  std::size_t c_stride = 0;  ///< floats, >= columns
};

/// y = f(norm(x)) row by row, written as an operand. x is overwritten where that helps.
struct RowArgs {
  float* x = nullptr;
  std::size_t x_stride = 0;
  std::uint32_t rows = 0, n = 0;
  const float* gain = nullptr;  ///< LayerNorm: [padded(n)], zero in the padding; null: none
  const float* bias = nullptr;
  float epsilon = 1e-5f;
  RowActivation activation = RowActivation::none;
  float alpha = 1.0f;       ///< ELU, LeakyReLU
  std::uint32_t group = 0;  ///< softmax over groups of this many, after norm and activation; 0: none
  std::uint32_t* out = nullptr;
  std::size_t out_stride = 0;  ///< words
  /// int8 and int16 without group: the scale of each row is written. With group the scale is 1 / unit_steps().
  float* out_scale = nullptr;
  float* out_zero = nullptr;  ///< int8 without group: likewise; with group it is 0
  float step = 1.0f;          ///< int16 without group: of the operand; what is beyond 32767 steps is clamped
};

/// Integer operands of numbers in [0, 1] (int16: [-1, 1]) have this many steps to 1, and no zero point.
constexpr float unit_steps(Storage s) noexcept {
  return s == Storage::int8 ? 255.0f : s == Storage::int16 ? 32767.0f : 1.0f;
}

/// Expectation of softmax(logits) over `points`, then symexp, row by row.
struct TwoHotArgs {
  const float* x = nullptr;  ///< logits
  std::size_t x_stride = 0;
  std::uint32_t rows = 0, bins = 0;
  const float* points = nullptr;  ///< [padded(bins)]
  float* out = nullptr;           ///< [padded(rows)]
};

/// Philox4x32-10 (Salmon et al., SC'11), keyed by seed and stream, counted by (row, iteration); Box-Muller.
struct NoiseArgs {
  std::uint64_t seed = 0, stream = 0;
  std::uint32_t row = 0, iteration = 0;
  float* out = nullptr;
  std::uint32_t n = 0;  ///< numbers wanted; written: rounded up to 64
};

struct BatchKernels {
  Isa isa;
  std::uint32_t panel;
  const char* name[kStorages];  ///< the instruction that does the work: "fp32-avx512", "bf16-avx512", ...
  bool fast[kStorages];         ///< by an instruction made for it, faster than fp32
  void (*gemm[kStorages])(const GemmArgs&) noexcept;
  void (*finish[kStorages])(const RowArgs&) noexcept;
  /// n floats to words of an operand; int8: round(x * scale + shift), >= 0 as given, at most 255; int16: the same,
  /// clamped to 16 bits.
  /// Reads padded(n) floats.
  void (*convert[kStorages])(const float* x, std::uint32_t n, float scale, float shift, std::uint32_t* out) noexcept;
  void (*two_hot)(const TwoHotArgs&) noexcept;
  void (*normal)(const NoiseArgs&) noexcept;
  /// Runs dependent-free multiply-adds on registers for `rounds`; returns operations done. For measuring the peak.
  double (*peak[kStorages])(std::uint64_t rounds) noexcept;
};

/// The table of an instruction set that supported() allows; the portable one otherwise. bf16, int8 and int16 use their
/// own instructions where the CPU has them, else plain ones (right, but not fast).
const BatchKernels& batch_kernels(Isa isa) noexcept;

}  // namespace metaworld_rt::kernels
