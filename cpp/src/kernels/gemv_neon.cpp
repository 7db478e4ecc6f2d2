#if defined(__aarch64__)

#include "kernels/gemv_impl.hpp"
#include "kernels/gemv_tables.hpp"
#include "kernels/vec_neon.hpp"

namespace metaworld_rt::kernels {

const VectorKernels kVectorNeon = VectorKernelsOf<VecNeon>::table(Isa::neon);

}  // namespace metaworld_rt::kernels

#endif
