// What this CPU can do, and which instruction set the kernels use. Read when weights are packed, not in the tick.
#pragma once

#include <cstdint>

namespace metaworld_rt::kernels {

enum class Isa : std::uint8_t { portable = 0, neon, avx2, avx512 };

struct CpuFeatures {
  bool neon = false;
  bool avx2 = false;         ///< with FMA, and the OS saves the registers
  bool avx512 = false;       ///< F, DQ, BW and VL
  bool avx512_bf16 = false;  ///< implies avx512
  bool avx512_vnni = false;  ///< implies avx512
};

/// Detected once. Thread-safe.
const CpuFeatures& cpu_features() noexcept;

/// True if kernels of `isa` are in this build and run on this CPU.
bool supported(Isa isa) noexcept;

/// The instruction set for weights that are packed from now on: the best supported one, or what MWRT_ISA
/// (portable, neon, avx2, avx512) or force_isa says. An MWRT_ISA that this CPU lacks is ignored. Thread-safe.
Isa active_isa() noexcept;

/// For tests and benchmarks. Returns false, and changes nothing, if not supported.
bool force_isa(Isa isa) noexcept;
/// Back to the default.
void unforce_isa() noexcept;

/// "portable", "neon", "avx2", "avx512". Static storage.
const char* name(Isa isa) noexcept;

}  // namespace metaworld_rt::kernels
