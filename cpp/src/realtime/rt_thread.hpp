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

}  // namespace metaworld_rt::realtime
