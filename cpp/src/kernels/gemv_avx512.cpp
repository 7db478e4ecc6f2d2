#if defined(__AVX512F__)

#include "kernels/gemv_impl.hpp"
#include "kernels/gemv_tables.hpp"
#include "kernels/vec_avx512.hpp"

namespace metaworld_rt::kernels {

const VectorKernels kVectorAvx512 = VectorKernelsOf<VecAvx512>::table(Isa::avx512);

}  // namespace metaworld_rt::kernels

#endif
