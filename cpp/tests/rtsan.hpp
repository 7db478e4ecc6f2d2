// Marks what must be real-time safe for RealtimeSanitizer (clang 20 and later); nothing elsewhere.
#pragma once

#if defined(__has_feature)
#if __has_feature(realtime_sanitizer)
#define MWRT_RTSAN 1
#endif
#endif

#if MWRT_RTSAN
extern "C" void __rtsan_realtime_enter();
extern "C" void __rtsan_realtime_exit();
#endif

/// While it lives, any malloc, lock or blocking system call of this thread ends a build with -fsanitize=realtime.
struct RealtimeScope {
#if MWRT_RTSAN
  RealtimeScope() { __rtsan_realtime_enter(); }
  ~RealtimeScope() { __rtsan_realtime_exit(); }
#else
  RealtimeScope() {}
#endif
  RealtimeScope(const RealtimeScope&) = delete;
  RealtimeScope& operator=(const RealtimeScope&) = delete;
};
