// Batch-1 kernels: matrix times vector on packed weights, and the elementwise functions around it.
// One table of functions for each instruction set; a network takes its table when its weights are packed.
//
// All vectors live in slots padded to kPad floats: a kernel may read and write the padding of its slots, so that no
// loop needs a tail. Results in [0, n) depend on inputs in [0, n) only. Everything here is real-time safe.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/cpu.hpp"

namespace metaworld_rt::kernels {

/// Slots are multiples of this many floats (64 bytes) and start on one.
inline constexpr std::uint32_t kPad = 16;

constexpr std::size_t padded(std::size_t n) noexcept { return (n + kPad - 1) / kPad * kPad; }

/// y = f(x) over n elements; y may be x. `a` and `b` are the function's parameters where it has some.
using Map = void (*)(const float* x, float* y, std::uint32_t n, float a, float b) noexcept;

struct VectorKernels {
  Isa isa;
  std::uint32_t width;  ///< floats in a vector
  std::uint32_t panel;  ///< vectors in the widest panel of packed weights

  /// y = W x + bias; `packed` from pack_gemv; writes rows padded up to `width`.
  void (*gemv)(const float* packed, const float* x, float* y, std::uint32_t in, std::uint32_t out) noexcept;

  Map relu, elu /* a: alpha */, tanh, sigmoid, mish, silu, leaky_relu /* a: slope */, softplus, exp, clip /* a..b */;

  /// y = (x - mean) / sqrt(var + epsilon) * gain + bias. y may be x.
  void (*layer_norm)(const float* x, const float* gain, const float* bias, float* y, std::uint32_t n,
                     float epsilon) noexcept;
  /// y = x * gain + bias. y may be x.
  void (*scale_shift)(const float* x, const float* gain, const float* bias, float* y, std::uint32_t n) noexcept;
  /// Softmax over consecutive groups of `group`, which divides n. y may be x.
  void (*group_softmax)(const float* x, float* y, std::uint32_t n, std::uint32_t group) noexcept;
  void (*add)(const float* x, const float* y, float* out, std::uint32_t n) noexcept;
  void (*sub)(const float* x, const float* y, float* out, std::uint32_t n) noexcept;
  void (*mul)(const float* x, const float* y, float* out, std::uint32_t n) noexcept;
  void (*div)(const float* x, const float* y, float* out, std::uint32_t n) noexcept;
};

/// The table of an instruction set that supported() allows; the portable one otherwise.
const VectorKernels& vector_kernels(Isa isa) noexcept;

/// Floats that pack_gemv writes.
std::size_t packed_gemv_size(const VectorKernels& kernels, std::uint32_t in, std::uint32_t out) noexcept;

/// Row-major weight [out][in] and bias [out] to the order in which gemv reads them: panels of `panel`, then half,
/// quarter, ... vectors of rows; a panel is its bias, then one column after another. One stream, read once.
void pack_gemv(const VectorKernels& kernels, const float* weight, const float* bias, std::uint32_t in,
               std::uint32_t out, float* packed) noexcept;

}  // namespace metaworld_rt::kernels
