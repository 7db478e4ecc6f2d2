// Counts malloc, locks and system calls of a thread, where the counting library is loaded.
//
// libmwrt_interpose.so (cpp/tests/interpose) is preloaded (LD_PRELOAD) and found by its symbols; without it nothing is
// counted and nothing costs anything.
#pragma once

#include <cstdint>

namespace metaworld_rt::realtime {

/// Of the calling thread, while armed, since its start.
struct CallCounts {
  std::uint64_t allocations = 0;  ///< malloc, calloc, realloc, free and their kin; new and delete end there
  std::uint64_t locks = 0;        ///< mutexes, reader-writer locks, spin locks, semaphores
  std::uint64_t syscalls = 0;     ///< every one where the kernel can trap them (x86-64), else common wrappers of libc
};

/// All const members are real-time safe.
class CallCounter {
 public:
  CallCounter() noexcept;
  bool loaded() const noexcept { return arm_ != nullptr && disarm_ != nullptr && counts_ != nullptr; }
  /// Counts the calling thread's calls from here to disarm(). The first time on a thread makes one system call.
  void arm() const noexcept {
    if (loaded()) arm_();
  }
  void disarm() const noexcept {
    if (loaded()) disarm_();
  }
  /// Zeros where the library is not loaded: ask loaded().
  CallCounts counts() const noexcept;

 private:
  void (*arm_)() = nullptr;
  void (*disarm_)() = nullptr;
  void (*counts_)(std::uint64_t*) = nullptr;
};

}  // namespace metaworld_rt::realtime
