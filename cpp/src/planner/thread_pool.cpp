#include "planner/thread_pool.hpp"

#include <pthread.h>
#include <sched.h>

#include <chrono>

#include "control/denormals.hpp"

namespace metaworld_rt::planner {
namespace {

constexpr std::uint64_t kOneIndex = 1, kOneCount = 1ull << 16, kOneJob = 1ull << 32;

std::uint32_t count_of(std::uint64_t ticket) noexcept { return static_cast<std::uint32_t>(ticket >> 16) & 0xffffu; }
std::uint32_t index_of(std::uint64_t ticket) noexcept { return static_cast<std::uint32_t>(ticket) & 0xffffu; }

void pause() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

bool pin(pthread_t thread, int cpu) noexcept {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<unsigned>(cpu), &set);
  return pthread_setaffinity_np(thread, sizeof set, &set) == 0;
}

}  // namespace

ThreadPool::ThreadPool(std::uint32_t threads, const std::vector<int>& cpus, std::int64_t spin_ns) : spin_ns_(spin_ns) {
  for (std::uint32_t i = 1; i < threads; ++i) {
    workers_.emplace_back([this, i] { work(i); });
    if (i - 1 < cpus.size() && !pin(workers_.back().native_handle(), cpus[i - 1])) pinned_ = false;
  }
}

ThreadPool::~ThreadPool() {
  stopping_.store(true);
  job_.fetch_add(1);
  job_.notify_all();
  for (std::thread& w : workers_) w.join();
}

void ThreadPool::run(std::uint32_t count, Task task, void* context) noexcept {
  if (workers_.empty() || count < 2) {
    for (std::uint32_t i = 0; i < count; ++i) task(context, i, 0);
    return;
  }
  task_ = task;
  context_ = context;
  done_.store(0, std::memory_order_relaxed);
  const std::uint32_t job = job_.load(std::memory_order_relaxed) + 1;
  ticket_.store(job * kOneJob + count * kOneCount, std::memory_order_release);
  job_.store(job);  // sequentially consistent with parked_: either we see a parked worker or it sees the job
  if (parked_.load() != 0) job_.notify_all();
  take(0);
  for (std::uint32_t done; (done = done_.load(std::memory_order_acquire)) != count;) {
    // The workers' last tasks take microseconds, so spin first; a worker that lost its CPU takes longer.
    for (int i = 0; i < 4000 && done_.load(std::memory_order_acquire) == done; ++i) pause();
    if (done_.load(std::memory_order_acquire) == done) sched_yield();
  }
}

void ThreadPool::take(std::uint32_t thread) noexcept {
  for (;;) {
    const std::uint64_t ticket = ticket_.fetch_add(kOneIndex, std::memory_order_acq_rel);
    if (index_of(ticket) >= count_of(ticket)) return;
    task_(context_, index_of(ticket), thread);
    done_.fetch_add(1, std::memory_order_release);
  }
}

void ThreadPool::await_job(std::uint32_t seen) noexcept {
  using Time = std::chrono::steady_clock;
  const auto until = Time::now() + std::chrono::nanoseconds(spin_ns_);
  do {
    for (int i = 0; i < 64; ++i) {
      if (job_.load(std::memory_order_acquire) != seen) return;
      pause();
    }
  } while (Time::now() < until);
  parked_.fetch_add(1);
  while (job_.load() == seen) job_.wait(seen);
  parked_.fetch_sub(1);
}

void ThreadPool::work(std::uint32_t thread) noexcept {
  const control::FlushDenormals flush;  // as the planner's caller does: the same bits on every thread
  for (std::uint32_t seen = 0;;) {
    await_job(seen);
    seen = job_.load(std::memory_order_acquire);
    if (stopping_.load()) return;
    take(thread);
  }
}

}  // namespace metaworld_rt::planner
