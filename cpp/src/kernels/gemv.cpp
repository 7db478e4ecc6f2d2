#include "kernels/gemv.hpp"

#include <algorithm>

#include "kernels/gemv_tables.hpp"

namespace metaworld_rt::kernels {

const VectorKernels& vector_kernels(Isa isa) noexcept {
#if defined(__x86_64__)
  if (isa == Isa::avx512 && supported(isa)) return kVectorAvx512;
  if (isa == Isa::avx2 && supported(isa)) return kVectorAvx2;
#elif defined(__aarch64__)
  if (isa == Isa::neon) return kVectorNeon;
#endif
  (void)isa;
  return kVectorPortable;
}

std::size_t packed_gemv_size(const VectorKernels& k, std::uint32_t in, std::uint32_t out) noexcept {
  const std::size_t rows = (static_cast<std::size_t>(out) + k.width - 1) / k.width * k.width;
  return rows * (static_cast<std::size_t>(in) + 1);
}

void pack_gemv(const VectorKernels& k, const float* weight, const float* bias, std::uint32_t in, std::uint32_t out,
               float* packed) noexcept {
  std::uint32_t vectors = (out + k.width - 1) / k.width;
  std::uint32_t row = 0;
  for (std::uint32_t p = k.panel; p > 0; p /= 2) {
    for (; vectors >= p; vectors -= p, row += p * k.width) {
      const std::uint32_t rows = p * k.width;
      const std::uint32_t live = std::min(rows, out - row);  // the last panel is padded with zeros
      for (std::uint32_t r = 0; r < rows; ++r) *packed++ = r < live ? bias[row + r] : 0.0f;
      for (std::uint32_t j = 0; j < in; ++j) {
        for (std::uint32_t r = 0; r < rows; ++r) {
          *packed++ = r < live ? weight[static_cast<std::size_t>(row + r) * in + j] : 0.0f;
        }
      }
    }
  }
}

}  // namespace metaworld_rt::kernels
