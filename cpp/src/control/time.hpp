// Times are int64 nanoseconds; this is the only place where they are made of other units.
#pragma once

#include <cstdint>

namespace metaworld_rt::control {

inline constexpr std::int64_t kMillisecond = 1'000'000, kSecond = 1'000'000'000;

/// Rounded, and bounded to 10 years so that a sum of two cannot overflow.
inline std::int64_t from_seconds(double s) noexcept {
  constexpr double kMost = 3.2e8;
  const double bounded = s < 0.0 ? 0.0 : (s < kMost ? s : kMost);
  return static_cast<std::int64_t>(bounded * 1e9 + 0.5);
}
inline std::int64_t from_ms(double ms) noexcept { return from_seconds(ms * 1e-3); }
inline double to_seconds(std::int64_t ns) noexcept { return static_cast<double>(ns) * 1e-9; }

}  // namespace metaworld_rt::control
