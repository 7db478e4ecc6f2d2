// A real-time thread that owns the loop: absolute-time ticks, measured, with the plant on the other side of two
// mailboxes.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "metaworld_rt/controller.hpp"
#include "metaworld_rt/histogram.hpp"
#include "metaworld_rt/types.hpp"

namespace metaworld_rt {

/// CLOCK_MONOTONIC in ns: the clock of RealtimeLoop. No system call where the vDSO has it.
std::int64_t monotonic_ns() noexcept;

/// How a thread asks for real-time service. What is refused becomes a warning, never a failure.
struct ThreadOptions {
  int priority = 0;                      ///< SCHED_FIFO 1..99; 0: leave the scheduler as it is
  int cpu = -1;                          ///< pin to this core; negative: no
  bool lock_memory = false;              ///< mlockall(current and future)
  std::size_t stack_bytes = 256 * 1024;  ///< prefaulted at the start
};

struct LoopOptions {
  double rate_hz = 0.0;  ///< 0: the bundle's tick_hz
  ThreadOptions thread{80, -1, true, 256 * 1024};
  double duration_s = 0.0;                 ///< 0: until stop()
  CommandMode end = CommandMode::damping;  ///< what the plant gets last: damping, or position to hold the last target
  std::uint64_t warmup_ticks = 500;        ///< page faults are counted after these
};

/// How a run went. Times in ns.
struct LoopReport {
  double rate_hz = 0.0;
  std::uint64_t ticks = 0;
  std::uint64_t misses = 0;        ///< deadlines that passed: a tick that ended late, and every tick skipped for it
  Histogram wakeup;                ///< actual - planned wake-up
  Histogram duration;              ///< of Controller::step
  std::uint64_t waited_ticks = 0;  ///< ticks before the first observation: nothing was stepped
  std::uint64_t minor_faults = 0, major_faults = 0;           ///< of this thread after the warm-up
  std::optional<std::uint64_t> allocations, locks, syscalls;  ///< inside step(); unset where they are not counted
  bool fifo = false, locked = false, pinned = false;
  std::vector<std::string> warnings;  ///< each with its remedy
};

/// Runs a controller on a thread of its own. The plant (or its driver) observes and reads commands from one other
/// thread; neither side ever waits for the other. The loop does not step before the first observation.
class RealtimeLoop {
 public:
  /// `controller` must outlive the loop; from start() to join() only the loop steps it. Throws Error on bad options.
  RealtimeLoop(Controller& controller, const LoopOptions& options = {});
  ~RealtimeLoop();  ///< stop() and join()
  RealtimeLoop(const RealtimeLoop&) = delete;
  RealtimeLoop& operator=(const RealtimeLoop&) = delete;

  /// Starts the thread. Throws Error if it cannot be made or was started before.
  void start();
  /// Asks it to end after the tick at hand; it then sends the end command. Any thread, signal-safe, wait-free.
  void stop() noexcept;
  /// Waits until the thread has ended.
  void join();
  /// False before start() and once the thread has ended. Any thread.
  bool running() const noexcept;

  // --- one plant thread: wait-free ---
  /// A new observation, measured at `t_ns` (monotonic_ns()). False if the size is wrong (nothing is written).
  bool observe(std::int64_t t_ns, std::span<const double> observation) noexcept;
  /// Takes the newest command. False, and `command` unchanged, if there is none since the last call.
  bool command(Command& command) noexcept;

  // --- any thread ---
  /// The status of the newest tick. Takes a mutex that the loop never takes.
  Status status() const;
  /// The report of a run. After join() it is complete; before, only warnings, flags and rate are.
  LoopReport report() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace metaworld_rt
