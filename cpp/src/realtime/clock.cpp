#include <ctime>

#include "metaworld_rt/loop.hpp"
#include "realtime/sleep.hpp"

namespace metaworld_rt {

std::int64_t monotonic_ns() noexcept {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

namespace realtime {

void sleep_until(std::int64_t t_ns) noexcept {
  timespec at{};
  at.tv_sec = static_cast<time_t>(t_ns / 1'000'000'000);
  at.tv_nsec = static_cast<long>(t_ns % 1'000'000'000);
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, nullptr) != 0) {
  }
}

}  // namespace realtime
}  // namespace metaworld_rt
