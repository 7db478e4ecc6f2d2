#pragma once

#include <cstdint>

namespace metaworld_rt::realtime {

/// Sleeps to an absolute time on CLOCK_MONOTONIC, whatever signals come.
void sleep_until(std::int64_t t_ns) noexcept;

}  // namespace metaworld_rt::realtime
