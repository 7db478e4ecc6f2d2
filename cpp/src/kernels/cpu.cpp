#include "kernels/cpu.hpp"

#include <atomic>
#include <cstdlib>
#include <cstring>

namespace metaworld_rt::kernels {
namespace {

CpuFeatures detect() noexcept {
  CpuFeatures f;
#if defined(__x86_64__)
  // These builtins also ask the OS (XGETBV) whether it saves the wide registers.
  __builtin_cpu_init();
  f.avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  f.avx512 = f.avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
             __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
  f.avx512_bf16 = f.avx512 && __builtin_cpu_supports("avx512bf16");
  f.avx512_vnni = f.avx512 && __builtin_cpu_supports("avx512vnni");
#elif defined(__aarch64__)
  f.neon = true;  // part of the base architecture
#endif
  return f;
}

Isa best() noexcept {
  const CpuFeatures& f = cpu_features();
  return f.avx512 ? Isa::avx512 : f.avx2 ? Isa::avx2 : f.neon ? Isa::neon : Isa::portable;
}

Isa from_environment() noexcept {
  if (const char* wanted = std::getenv("MWRT_ISA")) {
    for (Isa isa : {Isa::portable, Isa::neon, Isa::avx2, Isa::avx512}) {
      if (std::strcmp(wanted, name(isa)) == 0 && supported(isa)) return isa;
    }
  }
  return best();
}

constexpr int kNotForced = -1;
std::atomic<int> forced{kNotForced};

}  // namespace

const CpuFeatures& cpu_features() noexcept {
  static const CpuFeatures features = detect();
  return features;
}

bool supported(Isa isa) noexcept {
  switch (isa) {
    case Isa::portable:
      return true;
    case Isa::neon:
      return cpu_features().neon;
    case Isa::avx2:
      return cpu_features().avx2;
    case Isa::avx512:
      return cpu_features().avx512;
  }
  return false;
}

Isa active_isa() noexcept {
  const int f = forced.load(std::memory_order_relaxed);
  if (f != kNotForced) return static_cast<Isa>(f);
  static const Isa by_default = from_environment();
  return by_default;
}

bool force_isa(Isa isa) noexcept {
  if (!supported(isa)) return false;
  forced.store(static_cast<int>(isa), std::memory_order_relaxed);
  return true;
}

void unforce_isa() noexcept { forced.store(kNotForced, std::memory_order_relaxed); }

const char* name(Isa isa) noexcept {
  switch (isa) {
    case Isa::portable:
      return "portable";
    case Isa::neon:
      return "neon";
    case Isa::avx2:
      return "avx2";
    case Isa::avx512:
      return "avx512";
  }
  return "?";
}

}  // namespace metaworld_rt::kernels
