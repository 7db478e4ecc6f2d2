// A thread that does nothing but wake up on time: what the machine itself is capable of.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "metaworld_rt/histogram.hpp"
#include "metaworld_rt/loop.hpp"

namespace metaworld_rt::realtime {

/// A tick that was late enough to be worth a line.
struct SlowTick {
  std::int64_t t_ns = 0;  ///< when it was due, CLOCK_MONOTONIC
  std::int64_t wakeup_ns = 0, duration_ns = 0;
  std::uint32_t missed = 0;  ///< deadlines that passed
};

struct TimerReport {
  Histogram wakeup;
  std::uint64_t ticks = 0, misses = 0;
  std::vector<SlowTick> slow;  ///< woke later than a quarter of the period; at most kSlowTicks
  std::vector<std::string> warnings;
  bool fifo = false;
};
inline constexpr std::size_t kSlowTicks = 20'000;

/// Absolute wake-ups at `period_ns`, as RealtimeLoop does them. Start it, stop it once; the report is whole then.
class BareTimer {
 public:
  BareTimer(std::int64_t period_ns, const ThreadOptions& options);
  ~BareTimer() { stop(); }
  BareTimer(const BareTimer&) = delete;
  BareTimer& operator=(const BareTimer&) = delete;
  void start();
  void stop();
  const TimerReport& report() const noexcept { return report_; }

 private:
  void run();
  std::int64_t period_ns_;
  ThreadOptions options_;
  std::atomic<bool> stopping_{false};
  TimerReport report_;
  std::thread thread_;
};

}  // namespace metaworld_rt::realtime
