#include <algorithm>
#include <bit>
#include <cstring>

#include "metaworld_rt/record.hpp"

namespace metaworld_rt {

RecordRing::RecordRing(std::size_t bytes)
    : size_(std::bit_ceil(std::max<std::size_t>(bytes, 64 * 1024))), data_(new std::byte[size_]) {
  std::memset(data_.get(), 0, size_);  // touched: no page fault on the loop
}

void RecordRing::copy_in(std::uint64_t at, const void* from, std::size_t bytes) noexcept {
  if (bytes == 0) return;
  const std::size_t start = static_cast<std::size_t>(at) & (size_ - 1);
  const std::size_t first = std::min(bytes, size_ - start);
  std::memcpy(data_.get() + start, from, first);
  std::memcpy(data_.get(), static_cast<const std::byte*>(from) + first, bytes - first);
}

void RecordRing::copy_out(std::uint64_t at, void* to, std::size_t bytes) const noexcept {
  if (bytes == 0) return;
  const std::size_t start = static_cast<std::size_t>(at) & (size_ - 1);
  const std::size_t first = std::min(bytes, size_ - start);
  std::memcpy(to, data_.get() + start, first);
  std::memcpy(static_cast<std::byte*>(to) + first, data_.get(), bytes - first);
}

bool RecordRing::push(RecordType type, std::initializer_list<std::span<const std::byte>> parts) noexcept {
  std::size_t bytes = 0;
  for (const auto& part : parts) bytes += part.size();
  const std::uint64_t sequence = sequence_++;
  std::uint64_t at = head_.load(std::memory_order_relaxed);
  if (sizeof(Head) + bytes > size_ - static_cast<std::size_t>(at - tail_.load(std::memory_order_acquire))) {
    dropped_.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  const Head head{static_cast<std::uint32_t>(bytes), static_cast<std::uint16_t>(type), 0, sequence};
  copy_in(at, &head, sizeof head);
  at += sizeof head;
  for (const auto& part : parts) {
    copy_in(at, part.data(), part.size());
    at += part.size();
  }
  head_.store(at, std::memory_order_release);
  return true;
}

bool RecordRing::pop(Record& record) {
  const std::uint64_t at = tail_.load(std::memory_order_relaxed);
  if (at == head_.load(std::memory_order_acquire)) return false;
  Head head;
  copy_out(at, &head, sizeof head);
  out_.resize(head.bytes);
  copy_out(at + sizeof head, out_.data(), head.bytes);
  tail_.store(at + sizeof head + head.bytes, std::memory_order_release);
  record.type = static_cast<RecordType>(head.type);
  record.sequence = head.sequence;
  record.bytes = out_;
  return true;
}

}  // namespace metaworld_rt
