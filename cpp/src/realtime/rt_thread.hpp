// Asks the kernel for real-time service for the calling thread, and says in plain words what was refused.
#pragma once

#include <string>
#include <vector>

#include "metaworld_rt/loop.hpp"

namespace metaworld_rt::realtime {

struct Granted {
  bool fifo = false, locked = false, pinned = false;
  std::vector<std::string> warnings;  ///< each names the remedy
};

/// Affinity, memory lock, scheduler, timer slack to the least, stack prefault. Never fails.
Granted become_realtime(const ThreadOptions& options);

/// What the library that counts calls has counted on this thread, where it is loaded (docs/embedding.md).
struct CallCounts {
  std::uint64_t allocations = 0, locks = 0, syscalls = 0;
};
/// The optional counting library, found by its symbols when it is preloaded. Real-time safe once constructed.
class CallCounter {
 public:
  CallCounter() noexcept;
  bool loaded() const noexcept { return arm_ != nullptr && disarm_ != nullptr && counts_ != nullptr; }
  /// Counts the calling thread's calls from here to disarm().
  void arm() const noexcept {
    if (loaded()) arm_();
  }
  void disarm() const noexcept {
    if (loaded()) disarm_();
  }
  CallCounts counts() const noexcept;

 private:
  void (*arm_)() = nullptr;
  void (*disarm_)() = nullptr;
  void (*counts_)(std::uint64_t*) = nullptr;
};

}  // namespace metaworld_rt::realtime
