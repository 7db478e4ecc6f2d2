// The last plan's mean as a later plan may start from.
#pragma once

#include <cstdint>

#include "kernels/aligned.hpp"

namespace metaworld_rt::planner {

/// Means are [horizon][stride], `actions` of a row in use.
class WarmStart {
 public:
  WarmStart(std::int64_t dt_ns, std::uint32_t horizon, std::uint32_t actions, std::uint32_t stride)
      : dt_ns_(dt_ns), horizon_(horizon), actions_(actions), stride_(stride), mean_(std::size_t{horizon} * stride) {}

  /// The kept mean as it looks at t_ns: shifted by whole and broken steps of dt, zero beyond its end (TD-MPC2 shifts by
  /// one step). False, and `mean` is zero, if there is none or its time is over.
  bool at(std::int64_t t_ns, float* mean) const noexcept;
  /// `usable` false forgets.
  void keep(std::int64_t t_ns, const float* mean, bool usable) noexcept;
  void forget() noexcept { warm_ = false; }

 private:
  std::int64_t dt_ns_, t_ns_ = 0;
  std::uint32_t horizon_, actions_, stride_;
  kernels::AlignedVector<float> mean_;
  bool warm_ = false;
};

}  // namespace metaworld_rt::planner
