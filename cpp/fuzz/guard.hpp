// What every fuzz target promises besides not crashing: at most 1 s of CPU time an input, and no allocation out of
// proportion to it (docs/security.md). Breaking a promise aborts, so that libFuzzer keeps the input.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MWRT_FUZZ_COUNTS_ALLOCATIONS 1
#include <sanitizer/allocator_interface.h>
#endif
#endif

namespace fuzz {

inline std::size_t& largest_allowed() {
  static std::size_t limit = SIZE_MAX;
  return limit;
}

[[noreturn]] inline void broken(const char* promise, double value, double limit) {
  largest_allowed() = SIZE_MAX;
  std::fprintf(stderr, "broken promise: %s: %g, allowed %g\n", promise, value, limit);
  std::abort();
}

/// Stands around the code under test.
class Guard {
 public:
  explicit Guard(std::size_t input_bytes) : begin_(cpu_seconds()) {
#if defined(MWRT_FUZZ_COUNTS_ALLOCATIONS)
    static const int installed = __sanitizer_install_malloc_and_free_hooks(
        [](const volatile void*, std::size_t size) {
          if (size > largest_allowed())
            broken("size of one allocation", static_cast<double>(size), static_cast<double>(largest_allowed()));
        },
        [](const volatile void*) {});
    (void)installed;
#endif
    largest_allowed() = 4 * input_bytes + (std::size_t{4} << 20);
  }
  ~Guard() {
    largest_allowed() = SIZE_MAX;
    const double used = cpu_seconds() - begin_;
    if (used > 1.0) broken("CPU seconds", used, 1.0);
  }
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;

 private:
  static double cpu_seconds() {
    timespec t{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
  }
  double begin_;
};

}  // namespace fuzz
