#include "kernels/gemv_impl.hpp"
#include "kernels/gemv_tables.hpp"

namespace metaworld_rt::kernels {

const VectorKernels kVectorPortable = VectorKernelsOf<VecPortable>::table(Isa::portable);

}  // namespace metaworld_rt::kernels
