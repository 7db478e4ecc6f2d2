#include "metaworld_rt/types.hpp"

namespace metaworld_rt {

const char* name(Rung rung) noexcept {
  static constexpr const char* kNames[] = {
      "late_plan",          "stale_plan",       "semantic_stale",  "semantic_safe",
      "semantic_rejected",  "output_clamped",   "output_rejected", "observation_invalid",
      "observation_frozen", "observation_late", "clock_jump",      "deadline_missed",
      "controlled_stop",    "swap_refused",     "joint_frozen",    "handover_unready",
  };
  static_assert(sizeof kNames / sizeof *kNames == kRungs);
  return rung < Rung::count ? kNames[static_cast<std::size_t>(rung)] : "unknown";
}

}  // namespace metaworld_rt
