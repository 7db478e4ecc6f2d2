// The controlled stop: a latch that only rearm() opens, and the deadline count that can close it.
#pragma once

#include <cstdint>

#include "control/rungs.hpp"

namespace metaworld_rt::control {

struct StopState {
  bool stopped = false;
  std::uint32_t missed_in_a_row = 0;

  void stop(Rungs& rungs) noexcept {
    if (stopped) return;
    stopped = true;
    rungs.count(Rung::controlled_stop);
  }
  /// `missed` deadlines since the tick before; `limit` in a row stop the robot (0: never).
  void deadlines(std::uint32_t missed, std::uint32_t limit, Rungs& rungs) noexcept {
    rungs.count(Rung::deadline_missed, missed);
    missed_in_a_row = missed == 0 ? 0 : missed_in_a_row + missed;
    if (limit > 0 && missed_in_a_row >= limit) stop(rungs);
  }
  void rearm() noexcept { *this = StopState{}; }
};

}  // namespace metaworld_rt::control
