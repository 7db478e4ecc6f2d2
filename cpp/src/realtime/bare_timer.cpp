#include "realtime/bare_timer.hpp"

#include "realtime/rt_thread.hpp"
#include "realtime/sleep.hpp"

namespace metaworld_rt::realtime {

BareTimer::BareTimer(std::int64_t period_ns, const ThreadOptions& options) : period_ns_(period_ns), options_(options) {
  report_.slow.reserve(kSlowTicks);
}

void BareTimer::start() {
  thread_ = std::thread([this] { run(); });
}

void BareTimer::stop() {
  stopping_.store(true, std::memory_order_relaxed);
  if (thread_.joinable()) thread_.join();
}

void BareTimer::run() {
  Granted granted = become_realtime(options_);
  report_.fifo = granted.fifo;
  report_.warnings = std::move(granted.warnings);
  // Half a period off a loop that starts at the same time, so that the two do not wait for one another.
  std::int64_t due = monotonic_ns() + period_ns_ + period_ns_ / 2;
  while (!stopping_.load(std::memory_order_relaxed)) {
    sleep_until(due);
    const std::int64_t late = monotonic_ns() - due;
    const std::int64_t skipped = late / period_ns_;
    report_.wakeup.record(late);
    ++report_.ticks;
    report_.misses += static_cast<std::uint64_t>(skipped);
    if (late > period_ns_ / 4 && report_.slow.size() < kSlowTicks)
      report_.slow.push_back({due, late, 0, static_cast<std::uint32_t>(skipped)});
    due += (skipped + 1) * period_ns_;
  }
}

}  // namespace metaworld_rt::realtime
