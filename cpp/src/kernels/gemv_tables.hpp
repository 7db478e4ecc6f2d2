// The tables that the gemv_<isa>.cpp files define, for gemv.cpp to choose from.
#pragma once

#include "kernels/gemv.hpp"

namespace metaworld_rt::kernels {

extern const VectorKernels kVectorPortable;
#if defined(__x86_64__)
extern const VectorKernels kVectorAvx2;
extern const VectorKernels kVectorAvx512;
#elif defined(__aarch64__)
extern const VectorKernels kVectorNeon;
#endif

}  // namespace metaworld_rt::kernels
