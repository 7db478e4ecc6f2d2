#if defined(__aarch64__)

#include "kernels/gemm_simd.hpp"
#include "kernels/gemm_tables.hpp"
#include "kernels/vec_neon.hpp"

namespace metaworld_rt::kernels {

namespace {
struct SimdNeon : SimdOfFour<VecNeon> {
  static constexpr int tile_rows = 6, tile_vectors = 4;  // 24 of 32 registers
  MWRT_INLINE float least(V v) { return vminvq_f32(v); }
  MWRT_INLINE float greatest(V v) { return vmaxvq_f32(v); }
  MWRT_INLINE V square_root(V v) { return vsqrtq_f32(v); }
};
}  // namespace

const BatchKernels kBatchNeon = batch_table<SimdNeon>(Isa::neon, {"fp32-neon", "bf16-neon", "int8-neon", "int16-neon"});

}  // namespace metaworld_rt::kernels

#endif
