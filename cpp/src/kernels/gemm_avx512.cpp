#if defined(__AVX512F__)

#include "kernels/gemm_simd_avx512.hpp"
#include "kernels/gemm_tables.hpp"

namespace metaworld_rt::kernels {

const BatchKernels kBatchAvx512 =
    batch_table<SimdAvx512>(Isa::avx512, {"fp32-avx512", "bf16-avx512", "int8-avx512", "int16-avx512"});

}  // namespace metaworld_rt::kernels

#endif
