#include "kernels/gemm_simd.hpp"
#include "kernels/gemm_tables.hpp"

namespace metaworld_rt::kernels {

namespace {
struct SimdPortable : SimdOfFour<VecPortable> {
  static constexpr int tile_rows = 2, tile_vectors = 4;  // 16 registers with SSE2
};
}  // namespace

const BatchKernels kBatchPortable =
    batch_table<SimdPortable>(Isa::portable, {"fp32-portable", "bf16-portable", "int8-portable", "int16-portable"});

}  // namespace metaworld_rt::kernels
