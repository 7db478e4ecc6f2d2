// A fixed set of threads that shares out numbered tasks. No malloc and no lock after construction; a worker spins for a
// while after the last task, then parks in the kernel until the next call.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

namespace metaworld_rt::planner {

class ThreadPool {
 public:
  /// `threads` counts the caller of run(), so 1 starts none. Worker i runs on cpus[i] (none: wherever the system puts
  /// it). `spin_ns`: how long a worker looks for work before it parks.
  ThreadPool(std::uint32_t threads, const std::vector<int>& cpus, std::int64_t spin_ns);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  std::uint32_t threads() const noexcept { return static_cast<std::uint32_t>(workers_.size()) + 1; }
  /// True if every worker got the CPU that was asked for.
  bool pinned() const noexcept { return pinned_; }

  /// Calls task(context, index, thread) for every index in [0, count), count < 65536, each once; `thread` is below
  /// threads(), 0 is the caller. Returns when all are done; never waits for a worker that has not begun a task.
  /// One caller at a time.
  using Task = void (*)(void* context, std::uint32_t index, std::uint32_t thread) noexcept;
  void run(std::uint32_t count, Task task, void* context) noexcept;

  template <class F>
  void run(std::uint32_t count, F& f) noexcept {
    run(count, [](void* c, std::uint32_t i, std::uint32_t t) noexcept { (*static_cast<F*>(c))(i, t); }, &f);
  }

 private:
  void work(std::uint32_t thread) noexcept;
  void take(std::uint32_t thread) noexcept;
  void await_job(std::uint32_t seen) noexcept;

  // One word holds which job it is, its task count and the next index, so that a worker that comes late cannot take a
  // task of one job with the limits of another.
  std::atomic<std::uint64_t> ticket_{0};
  std::atomic<std::uint32_t> job_{0};  ///< what parked workers wait on
  std::atomic<std::uint32_t> parked_{0}, done_{0};
  std::atomic<bool> stopping_{false};
  Task task_ = nullptr;
  void* context_ = nullptr;
  std::int64_t spin_ns_;
  bool pinned_ = true;
  std::vector<std::thread> workers_;
};

}  // namespace metaworld_rt::planner
