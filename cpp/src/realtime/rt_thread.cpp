#include "realtime/rt_thread.hpp"

#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace metaworld_rt::realtime {
namespace {

std::string because(int error) { return std::string(" (") + std::strerror(error) + "); "; }

/// Touches `bytes` of stack below the caller, a page at a time.
[[gnu::noinline]] void prefault_stack(std::size_t bytes) {
  constexpr std::size_t kBlock = 64 * 1024;
  unsigned char block[kBlock];
  for (std::size_t i = 0; i < kBlock; i += 4096) block[i] = 0;
  asm volatile("" ::"r"(block) : "memory");  // the writes count, and the frame stays while the call below runs
  if (bytes > kBlock) prefault_stack(bytes - kBlock);
  asm volatile("" ::"r"(block) : "memory");
}

void ask_fifo(int priority, Granted& granted) {
  sched_param parameter{};
  parameter.sched_priority = priority;
  const int error = pthread_setschedparam(pthread_self(), SCHED_FIFO, &parameter);
  granted.fifo = error == 0;
  if (error == 0) return;
  rlimit limit{};
  getrlimit(RLIMIT_RTPRIO, &limit);
  granted.warnings.push_back(
      "SCHED_FIFO priority " + std::to_string(priority) + " was refused" + because(error) + "this user may ask for " +
      std::to_string(limit.rlim_cur) +
      ". Add \"<user> - rtprio 95\" to /etc/security/limits.d/realtime.conf and log in again, or run in a container "
      "with --cap-add=SYS_NICE --ulimit rtprio=95");
}

/// Pages are locked as they are touched: a Python host maps gigabytes that it never reads. Future mappings only where
/// no limit can make them fail later.
void ask_lock(Granted& granted) {
  rlimit limit{};
  getrlimit(RLIMIT_MEMLOCK, &limit);
  const int future = limit.rlim_cur == RLIM_INFINITY || geteuid() == 0 ? MCL_FUTURE : 0;
  granted.locked = mlockall(MCL_CURRENT | MCL_ONFAULT | future) == 0;
  if (granted.locked) return;
  granted.warnings.push_back(
      "locking memory (mlockall) was refused" + because(errno) +
      "page faults may delay a tick. Add \"<user> - memlock unlimited\" to /etc/security/limits.d/realtime.conf and "
      "log in again, or run in a container with --ulimit memlock=-1");
}

void ask_core(int cpu, Granted& granted) {
  cpu_set_t set;
  CPU_ZERO(&set);
  int error = EINVAL;
  if (cpu < CPU_SETSIZE) {
    CPU_SET(cpu, &set);
    error = pthread_setaffinity_np(pthread_self(), sizeof set, &set);
  }
  granted.pinned = error == 0;
  if (error == 0) return;
  std::string allowed;
  if (sched_getaffinity(0, sizeof set, &set) == 0)
    for (int i = 0; i < CPU_SETSIZE; ++i)
      if (CPU_ISSET(i, &set)) allowed += (allowed.empty() ? "" : ", ") + std::to_string(i);
  granted.warnings.push_back("pinning to core " + std::to_string(cpu) + " was refused" + because(error) +
                             "choose one of " + allowed + ", or widen the cpuset of this container");
}

}  // namespace

Granted become_realtime(const ThreadOptions& options) {
  Granted granted;
  if (options.cpu >= 0) ask_core(options.cpu, granted);
  if (options.lock_memory) ask_lock(granted);
  if (options.priority > 0) ask_fifo(options.priority, granted);
  prctl(PR_SET_TIMERSLACK, 1UL);  // ns; matters where FIFO was refused
  prefault_stack(options.stack_bytes);
  return granted;
}

}  // namespace metaworld_rt::realtime
