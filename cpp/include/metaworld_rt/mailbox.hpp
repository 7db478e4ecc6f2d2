// A wait-free mailbox between two threads: the newest value wins, nobody ever waits. A triple buffer.
#pragma once

#include <atomic>
#include <cstdint>
#include <type_traits>

namespace metaworld_rt {

/// One writer thread, one reader thread. Both sides are real-time safe: a constant number of steps, no system call.
/// Several writers must be serialised outside (a mutex on their side never reaches the reader); so must readers.
/// A value that was not read before the next was written is lost: that is the point.
template <class T>
class Mailbox {
  static_assert(std::is_trivially_copyable_v<T>, "a mailbox carries plain values");

 public:
  // Writer side -------------------------------------------------------------------------------------------------

  /// Publishes a copy of `value`.
  void write(const T& value) noexcept {
    slots_[back_].value = value;
    publish();
  }
  /// For large values: fill the slot in place, then publish(). Its content before is an old value, not the last one.
  T& back() noexcept { return slots_[back_].value; }
  void publish() noexcept {
    back_ = shared_.exchange(static_cast<std::uint8_t>(back_ | kFresh), std::memory_order_acq_rel) & kIndex;
  }

  // Reader side -------------------------------------------------------------------------------------------------

  /// True if a value was published since the last read()/update(). Any thread may ask.
  bool fresh() const noexcept { return (shared_.load(std::memory_order_relaxed) & kFresh) != 0; }
  /// Takes the newest value into front(). False, and front() unchanged, if there is nothing new.
  bool update() noexcept {
    if (!fresh()) return false;
    front_ = shared_.exchange(front_, std::memory_order_acq_rel) & kIndex;
    return true;
  }
  /// The value taken last; value-initialised before the first.
  const T& front() const noexcept { return slots_[front_].value; }
  /// update() and a copy. `out` is unchanged if it returns false.
  bool read(T& out) noexcept {
    if (!update()) return false;
    out = front();
    return true;
  }

 private:
  static constexpr std::uint8_t kIndex = 3, kFresh = 4;
  static constexpr std::size_t kLine = 64;
  struct alignas(kLine) Slot {
    T value{};
  };
  Slot slots_[3];
  alignas(kLine) std::atomic<std::uint8_t> shared_{1};
  alignas(kLine) std::uint8_t back_ = 0;   // writer's
  alignas(kLine) std::uint8_t front_ = 2;  // reader's
  static_assert(std::atomic<std::uint8_t>::is_always_lock_free);
};

}  // namespace metaworld_rt
