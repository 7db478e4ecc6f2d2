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
  std::int64_t change_t = 0;                     ///< when a base or joint value last differed from the one before
  std::int64_t hold_t = 0;                       ///< since when it is held
  std::int64_t fresh_t = 0;                      ///< when a valid observation last had news of any sensor
  std::int32_t frozen_joint = -1;                ///< whose encoder sticks; -1: none
  std::array<std::int64_t, kMaxJoints> doubt{};  ///< how long it should have moved and has not, ns
  std::array<double, kMaxJoints> asked{};        ///< the command in force when its position last changed; NaN: none
  std::array<double, kMaxObservation> last{};
};

/// Ladder: a bad observation is held at once; held for longer than observation_max_age it is a controlled stop.
///
/// One joint's encoder sticks (joint_frozen) if its position keeps the same bits, while other sensors bring news, for
/// observation_frozen of time in which it should have moved: its measured speed is over kMovingSpeed, or the command
/// has moved so far since the position last changed that the drive pulls differently by over kPull of the joint's
/// max_force. A joint that stands still, and is asked to, gives no such reason however long its bits stay.
class Watchdog {
 public:
  static constexpr double kMovingSpeed = 0.5;  ///< rad/s
  static constexpr double kPull = 0.2;         ///< of max_force; more than friction in a joint can hold

  Watchdog(const Bundle& bundle, bool sensor_checks);

  enum class Verdict : std::uint8_t { good, hold, stop };
  /// Once a tick. Non-finite values, a wrong size or a quaternion far from unit length: observation_invalid. Base and
  /// joint terms bit-identical for longer than observation_frozen: observation_frozen. Older than
  /// observation_max_age: observation_late. `asked`: the position command in force since the tick before, nullptr if
  /// there is none (damping). Real-time safe.
  Verdict check(WatchdogState& state, std::int64_t t, std::int64_t observation_t, std::span<const double> observation,
                const double* asked, Rungs& rungs) const noexcept;
  /// Moves the timers with the clock.
  static void shift(WatchdogState& state, std::int64_t by) noexcept;

 private:
  bool valid(std::span<const double> observation) const noexcept;
  /// Whether any base or joint term differs from the last.
  bool changed(const WatchdogState& state, std::span<const double> observation) const noexcept;
  /// Looks for an encoder that sticks, in an observation that brings news.
  void look_at_joints(WatchdogState& state, std::int64_t t, std::span<const double> observation,
                      const double* asked) const noexcept;

  struct Range {
    std::uint32_t offset, size;
  };
  std::vector<Range> sensors_;
  std::vector<double> reach_;  ///< rad that a command must move for the drive to pull differently
  std::size_t size_;
  std::uint32_t quat_, joint_pos_, joint_vel_;
  std::int64_t max_age_, frozen_;  ///< 0: not checked
  std::int64_t decision_ns_;
};

}  // namespace metaworld_rt::control
