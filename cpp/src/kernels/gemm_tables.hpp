// The tables that the gemm_<isa>.cpp files define, for gemm.cpp to choose from, and how they are filled.
#pragma once

#include "kernels/gemm_noise.hpp"
#include "kernels/gemm_rows.hpp"

namespace metaworld_rt::kernels {

struct Names {
  const char* fp32;
  const char* bf16;
  const char* int8;
  const char* int16;
};

template <class S>
constexpr BatchKernels batch_table(Isa isa, Names n) noexcept {
  using R = Rows<S>;
  using A = Gemm<S, DotF32<S>>;
  using B = Gemm<S, DotBf16<S>>;
  using C = Gemm<S, DotInt8<S>>;
  using D = Gemm<S, DotInt16<S>>;
  return {isa,
          S::tile_vectors * S::width,
          {n.fp32, n.bf16, n.int8, n.int16},
          {true, false, false, S::dot16_rows == kAnyRows},
          {A::run, B::run, C::run, D::run},
          {R::template finish<Storage::fp32>, R::template finish<Storage::bf16>, R::template finish<Storage::int8>,
           R::template finish<Storage::int16>},
          {R::template convert<Storage::fp32>, R::template convert<Storage::bf16>, R::template convert<Storage::int8>,
           R::template convert<Storage::int16>},
          R::two_hot,
          Noise<S>::normal,
          {A::peak, B::peak, C::peak, D::peak}};
}

extern const BatchKernels kBatchPortable;
#if defined(__x86_64__)
extern const BatchKernels kBatchAvx2;
extern const BatchKernels kBatchAvx512;
void gemm_bf16_avx512(const GemmArgs& g) noexcept;
void gemm_int8_avx512(const GemmArgs& g) noexcept;
double peak_bf16_avx512(std::uint64_t rounds) noexcept;
double peak_int8_avx512(std::uint64_t rounds) noexcept;
void gemm_int16_avx512(const GemmArgs& g) noexcept;
double peak_int16_avx512(std::uint64_t rounds) noexcept;
#elif defined(__aarch64__)
extern const BatchKernels kBatchNeon;
#endif

}  // namespace metaworld_rt::kernels
