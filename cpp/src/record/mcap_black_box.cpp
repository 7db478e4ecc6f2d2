#include "record/mcap_black_box.hpp"

#include <cstring>
#include <utility>

namespace metaworld_rt::record {
namespace {

struct Head {
  std::uint64_t sequence;
  std::uint32_t bytes;
  RecordType type;
};

}  // namespace

void BlackBox::write(const Record& record) {
  if (record.type == RecordType::keyframe || segments_.empty()) {
    while (segments_.size() > 1 && ticks_ - segments_.front().ticks >= keep_) {
      ticks_ -= segments_.front().ticks;
      spare_ = std::move(segments_.front());
      segments_.pop_front();
    }
    spare_.bytes.clear();
    spare_.ticks = 0;
    segments_.push_back(std::exchange(spare_, Segment{}));
  }
  Segment& now = segments_.back();
  Head head{};
  head.sequence = record.sequence;
  head.bytes = static_cast<std::uint32_t>(record.bytes.size());
  head.type = record.type;
  const auto raw = std::as_bytes(std::span<const Head, 1>(&head, 1));
  now.bytes.insert(now.bytes.end(), raw.begin(), raw.end());
  now.bytes.insert(now.bytes.end(), record.bytes.begin(), record.bytes.end());
  if (record.type == RecordType::tick) {
    ++now.ticks;
    ++ticks_;
  }
}

void BlackBox::replay(RecordSink& sink) const {
  for (const Segment& segment : segments_) {
    std::span<const std::byte> left(segment.bytes);
    while (!left.empty()) {
      Head head;
      std::memcpy(&head, left.data(), sizeof head);
      Record record;
      record.type = head.type;
      record.sequence = head.sequence;
      record.bytes = left.subspan(sizeof head, head.bytes);
      sink.write(record);
      left = left.subspan(sizeof head + head.bytes);
    }
  }
}

}  // namespace metaworld_rt::record
