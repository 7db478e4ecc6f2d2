#include "realtime/call_counter.hpp"

#include <dlfcn.h>

namespace metaworld_rt::realtime {

CallCounter::CallCounter() noexcept
    : arm_(reinterpret_cast<void (*)()>(dlsym(RTLD_DEFAULT, "mwrt_interpose_arm"))),
      disarm_(reinterpret_cast<void (*)()>(dlsym(RTLD_DEFAULT, "mwrt_interpose_disarm"))),
      counts_(reinterpret_cast<void (*)(std::uint64_t*)>(dlsym(RTLD_DEFAULT, "mwrt_interpose_counts"))) {}

CallCounts CallCounter::counts() const noexcept {
  CallCounts counts;
  std::uint64_t raw[3] = {0, 0, 0};
  if (loaded()) counts_(raw);
  counts.allocations = raw[0];
  counts.locks = raw[1];
  counts.syscalls = raw[2];
  return counts;
}

}  // namespace metaworld_rt::realtime
