// A sink of the flight record that keeps what was late, and throws the rest away: hours in constant memory.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include "metaworld_rt/record.hpp"
#include "realtime/bare_timer.hpp"

namespace metaworld_rt::realtime {

/// Keeps at most kSlowTicks. The drain's thread writes; read it once that has stopped.
class SlowTicks final : public RecordSink {
 public:
  explicit SlowTicks(std::int64_t period_ns) : period_ns_(period_ns) { slow.reserve(kSlowTicks); }
  void write(const Record& record) override {
    TickHeader h;
    if (record.type != RecordType::tick || record.bytes.size() < sizeof h) return;
    std::memcpy(&h, record.bytes.data(), sizeof h);
    // The loop reports the wake-up of this tick, the duration of the one before, and what was missed between.
    const bool late = h.missed > 0 || h.wakeup_ns > period_ns_ / 2 || h.duration_ns > period_ns_ / 2;
    if (late && slow.size() < kSlowTicks) slow.push_back({h.t_ns, h.wakeup_ns, h.duration_ns, h.missed});
  }
  std::vector<SlowTick> slow;

 private:
  std::int64_t period_ns_;
};

}  // namespace metaworld_rt::realtime
