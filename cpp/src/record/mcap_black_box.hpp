// The last seconds of a flight in memory, always starting at a keyframe, so that a dump can be replayed.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "metaworld_rt/record.hpp"

namespace metaworld_rt::record {

/// One thread (the drain's). Memory is constant once `seconds` have passed: segments are used again.
class BlackBox {
 public:
  /// Keeps at least `ticks` ticks once so many were seen.
  explicit BlackBox(std::uint64_t ticks) : keep_(ticks) {}
  void write(const Record& record);
  /// Everything that is kept, in order.
  void replay(RecordSink& sink) const;
  std::uint64_t ticks() const noexcept { return ticks_; }

 private:
  struct Segment {
    std::vector<std::byte> bytes;
    std::uint64_t ticks = 0;
  };
  std::uint64_t keep_, ticks_ = 0;
  std::deque<Segment> segments_;
  Segment spare_;
};

}  // namespace metaworld_rt::record
