// Latency statistics in constant memory: p50, p99, p99.9 and the exact maximum of any number of samples.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace metaworld_rt {

/// Log-linear buckets over 0..2^40 ns (18 minutes): 64 buckets an octave, so a quantile is at most 1/64 (1.6 %) above
/// the true sample and never below it; values under 128 ns are exact. Larger samples count in the last bucket; max is
/// exact. record() is real-time safe. One writer; read it from another thread only after a copy made by the writer.
class Histogram {
 public:
  static constexpr unsigned kSubBits = 6, kTopBit = 40;
  static constexpr std::size_t kSub = std::size_t{1} << kSubBits;
  static constexpr std::size_t kBuckets = (kTopBit - kSubBits + 1) * kSub;

  /// Negative samples count as 0.
  void record(std::int64_t ns) noexcept {
    const std::uint64_t v = ns < 0 ? 0 : static_cast<std::uint64_t>(ns);
    ++buckets_[bucket(v)];
    ++count_;
    sum_ += static_cast<double>(v);
    if (v > max_) max_ = v;
  }

  std::uint64_t count() const noexcept { return count_; }
  std::int64_t max() const noexcept { return static_cast<std::int64_t>(max_); }
  double mean() const noexcept { return count_ ? sum_ / static_cast<double>(count_) : 0.0; }

  /// Smallest bucket edge with at least q * count samples at or below it, ns; at most max(). 0 if there is no sample.
  std::int64_t quantile(double q) const noexcept {
    if (count_ == 0) return 0;
    const double want = q * static_cast<double>(count_);
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < kBuckets; ++i) {
      seen += buckets_[i];
      if (static_cast<double>(seen) >= want && seen > 0) {
        if (i + 1 == kBuckets) break;
        const std::uint64_t edge = upper(i);
        return static_cast<std::int64_t>(edge < max_ ? edge : max_);
      }
    }
    return max();
  }

  void merge(const Histogram& other) noexcept {
    for (std::size_t i = 0; i < kBuckets; ++i) buckets_[i] += other.buckets_[i];
    count_ += other.count_;
    sum_ += other.sum_;
    if (other.max_ > max_) max_ = other.max_;
  }
  void clear() noexcept { *this = Histogram{}; }

  /// For plots: samples in bucket i, and the smallest and largest value (ns) that fall in it.
  std::uint64_t at(std::size_t i) const noexcept { return buckets_[i]; }
  static constexpr std::uint64_t lower(std::size_t i) noexcept {
    if (i < 2 * kSub) return i;
    const std::size_t octave = i / kSub - 1;
    return (kSub + i % kSub) << octave;
  }
  static constexpr std::uint64_t upper(std::size_t i) noexcept { return lower(i + 1) - 1; }

 private:
  static constexpr std::size_t bucket(std::uint64_t v) noexcept {
    if (v < kSub) return static_cast<std::size_t>(v);
    const unsigned top = 63u - static_cast<unsigned>(std::countl_zero(v));
    if (top >= kTopBit) return kBuckets - 1;
    return (top - kSubBits + 1) * kSub + static_cast<std::size_t>((v >> (top - kSubBits)) - kSub);
  }

  std::array<std::uint64_t, kBuckets> buckets_{};
  std::uint64_t count_ = 0, max_ = 0;
  double sum_ = 0.0;
};

}  // namespace metaworld_rt
