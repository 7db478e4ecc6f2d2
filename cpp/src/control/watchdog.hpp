// Is the observation one that may be acted on? Finite, changing, and young enough.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "control/rungs.hpp"
#include "metaworld_rt/bundle.hpp"
#include "skills/features.hpp"

namespace metaworld_rt::control {

/// Mutable part; plain, so that a keyframe of the flight record is a copy.
struct WatchdogState {
  bool any = false;
  bool holding = false;
  std::int64_t change_t = 0;  ///< when a base or joint value last differed from the one before
  std::int64_t hold_t = 0;    ///< since when it is held
  std::array<double, kMaxObservation> last{};
};

/// Ladder: a bad observation is held at once; held for longer than observation_max_age it is a controlled stop.
class Watchdog {
 public:
  Watchdog(const Bundle& bundle, bool sensor_checks);

  enum class Verdict : std::uint8_t { good, hold, stop };
  /// Once a tick. Non-finite values, a wrong size or a quaternion far from unit length: observation_invalid. Base and
  /// joint terms bit-identical for longer than observation_frozen: observation_frozen. Older than
  /// observation_max_age: observation_late. Real-time safe.
  Verdict check(WatchdogState& state, std::int64_t t, std::int64_t observation_t, std::span<const double> observation,
                Rungs& rungs) const noexcept;
  /// Moves the timers with the clock.
  static void shift(WatchdogState& state, std::int64_t by) noexcept;

 private:
  bool valid(std::span<const double> observation) const noexcept;
  /// Copies the base and joint terms; true if any of them changed.
  bool changed(WatchdogState& state, std::span<const double> observation) const noexcept;

  struct Range {
    std::uint32_t offset, size;
  };
  std::vector<Range> sensors_;
  std::size_t size_;
  std::uint32_t quat_;
  std::int64_t max_age_, frozen_;  ///< 0: not checked
};

}  // namespace metaworld_rt::control
