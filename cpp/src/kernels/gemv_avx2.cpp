#if defined(__AVX2__)

#include "kernels/gemv_impl.hpp"
#include "kernels/gemv_tables.hpp"
#include "kernels/vec_avx2.hpp"

namespace metaworld_rt::kernels {

const VectorKernels kVectorAvx2 = VectorKernelsOf<VecAvx2>::table(Isa::avx2);

}  // namespace metaworld_rt::kernels

#endif
