// The flight record: everything a bit-exact replay needs, through a constant-memory ring, to a sink off the loop.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <vector>

#include "metaworld_rt/types.hpp"

namespace metaworld_rt {

/// Kinds of records. Inputs (command, plan, swap, reset, keyframe) come before the tick that they are an input of.
enum class RecordType : std::uint16_t {
  tick = 1,   ///< TickHeader, then the arrays it names
  command,    ///< SkillCommand, cut after its last stage: decode_command()
  plan,       ///< Plan received, cut to horizon x joints: decode_plan()
  swap,       ///< SwapRecord
  reset,      ///< empty: Controller::reset() was called
  keyframe,   ///< SwapRecord of the bundle in force, then opaque state: a replay may start here
  tick_plan,  ///< Plan made inside the tick that follows, as `plan`
};

/// One tick. Followed by double observation[observation_size], double q[joints], float action[joints],
/// float mixture[skills], each as many bytes as it takes, in this order.
struct TickHeader {
  std::int64_t t_ns, observation_t_ns;
  std::uint64_t tick, decision;
  std::int64_t wakeup_ns, duration_ns;  ///< of the tick before
  std::int64_t plan_age_ns, semantic_age_ns;
  std::uint32_t missed;  ///< deadlines missed before this tick
  std::uint32_t rungs;   ///< bit i: Rung i counted in this tick
  std::uint32_t stage, command_id, generation;
  float alpha, phase;
  std::uint16_t observation_size, joints, skills;
  std::uint8_t mode, command_mode;
  std::uint8_t new_decision, plan_used;
  std::uint8_t rearm, stop, refused_swaps;  ///< inputs: requests taken in this tick
  std::uint8_t timed;                       ///< input: the tick before was reported (missed, wakeup_ns, duration_ns)
  std::uint8_t frozen_joint;                ///< 1 + the joint whose encoder sticks; 0: none
};

struct SwapRecord {
  std::uint32_t generation;
  char digest[68];  ///< the bundle's SHA-256 in hex, zero-terminated
};

/// One record as it comes out of the ring. `bytes` is valid until the next pop().
struct Record {
  RecordType type{};
  std::uint64_t sequence = 0;  ///< counts every record offered, so a gap shows what the ring had no room for
  std::span<const std::byte> bytes;
};

/// The parts of a tick record; pointers into Record::bytes (copied out, so aligned).
struct TickView {
  TickHeader header{};
  std::vector<double> observation, q;
  std::vector<float> action, mixture;
};
/// Each throws Error if the bytes are not such a record.
TickView decode_tick(std::span<const std::byte> bytes);
SkillCommand decode_command(std::span<const std::byte> bytes);
Plan decode_plan(std::span<const std::byte> bytes);
SwapRecord decode_swap(std::span<const std::byte> bytes);

/// A byte ring between the stepping thread and one drain. Wait-free on both sides, memory fixed at construction.
class RecordRing {
 public:
  /// Rounded up to a power of two, at least 64 KiB. Allocates and touches all of it.
  explicit RecordRing(std::size_t bytes);
  /// Appends one record made of `parts`. False if there is no room: it is dropped and counted. Real-time safe.
  bool push(RecordType type, std::initializer_list<std::span<const std::byte>> parts) noexcept;
  /// Next record, or false. One other thread.
  bool pop(Record& record);
  std::uint64_t dropped() const noexcept { return dropped_.load(std::memory_order_relaxed); }
  std::size_t capacity() const noexcept { return size_; }

 private:
  struct Head {
    std::uint32_t bytes;
    std::uint16_t type, reserved;
    std::uint64_t sequence;
  };
  void copy_in(std::uint64_t at, const void* from, std::size_t bytes) noexcept;
  void copy_out(std::uint64_t at, void* to, std::size_t bytes) const noexcept;

  std::size_t size_;
  std::unique_ptr<std::byte[]> data_;
  std::vector<std::byte> out_;
  alignas(64) std::atomic<std::uint64_t> head_{0};  ///< bytes ever written
  std::uint64_t sequence_ = 0;
  std::atomic<std::uint64_t> dropped_{0};
  alignas(64) std::atomic<std::uint64_t> tail_{0};  ///< bytes ever read
};

/// Where records go. Called from the drain's thread only.
class RecordSink {
 public:
  virtual ~RecordSink() = default;
  virtual void write(const Record& record) = 0;
  virtual void flush() {}
};

/// A thread that moves records from a ring to a sink every few milliseconds.
class RecordDrain {
 public:
  /// Both must outlive it. A sink that throws ends the draining; error() says why.
  RecordDrain(RecordRing& ring, RecordSink& sink, int period_ms = 5);
  ~RecordDrain();  ///< stop()
  /// Drains what is left, flushes, and ends the thread.
  void stop();
  /// Empty if all went well. After stop().
  const char* error() const noexcept;
  std::uint64_t written() const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace metaworld_rt
