// The C++ test harness: enough to name a case, check a fact, and say where it failed.
// Our own 60 lines, because the tests must build offline for a user who is not root (docs/architecture.md).
#pragma once

#include <cmath>
#include <cstdio>
#include <cstring>
#include <exception>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

namespace check {

struct Case {
  const char* name;
  void (*body)();
};
inline std::vector<Case>& cases() {
  static std::vector<Case> all;
  return all;
}
inline int& failures() {
  static int count = 0;
  return count;
}
struct Register {
  Register(const char* name, void (*body)()) { cases().push_back({name, body}); }
};

inline void report(const char* file, int line, const std::string& what) {
  std::fprintf(stderr, "%s:%d: %s\n", file, line, what.c_str());
  ++failures();
}

template <class F>
std::string thrown_by(F&& f) {
  try {
    f();
  } catch (const std::exception& e) {
    return e.what()[0] ? e.what() : "(empty message)";
  }
  return "";
}

/// Runs every case, or those whose name contains argv[1]. Exit status 0 only if all passed and at least one ran.
inline int run(int argc, char** argv) {
  int ran = 0, failed = 0;
  for (const Case& c : cases()) {
    if (argc > 1 && !std::strstr(c.name, argv[1])) continue;
    const int before = failures();
    try {
      c.body();
    } catch (const std::exception& e) {
      report(__FILE__, __LINE__, std::string("unexpected exception: ") + e.what());
    }
    ++ran;
    const bool ok = failures() == before;
    failed += ok ? 0 : 1;
    std::printf("%s %s\n", ok ? "ok  " : "FAIL", c.name);
  }
  std::printf("%d passed, %d failed\n", ran - failed, failed);
  return failed == 0 && ran > 0 ? 0 : 1;
}

}  // namespace check

#define CHECK_JOIN2(a, b) a##b
#define CHECK_JOIN(a, b) CHECK_JOIN2(a, b)
#define TEST_CASE(name)                                                                             \
  static void CHECK_JOIN(test_, __LINE__)();                                                        \
  static const check::Register CHECK_JOIN(register_, __LINE__){name, &CHECK_JOIN(test_, __LINE__)}; \
  static void CHECK_JOIN(test_, __LINE__)()
#define CHECK(condition)                                                          \
  do {                                                                            \
    if (!(condition)) check::report(__FILE__, __LINE__, "not true: " #condition); \
  } while (0)
#define CHECK_EQ(a, b)                                      \
  do {                                                      \
    const auto va_ = (a);                                   \
    const auto vb_ = (b);                                   \
    if (!(va_ == vb_)) {                                    \
      std::ostringstream s_;                                \
      s_ << #a " == " #b ": " << va_ << " against " << vb_; \
      check::report(__FILE__, __LINE__, s_.str());          \
    }                                                       \
  } while (0)
#define CHECK_NEAR(a, b, tolerance)                                             \
  do {                                                                          \
    const double va_ = (a), vb_ = (b), t_ = (tolerance);                        \
    if (!(std::abs(va_ - vb_) <= t_)) {                                         \
      std::ostringstream s_;                                                    \
      s_.precision(9);                                                          \
      s_ << #a " ~ " #b ": " << va_ << " against " << vb_ << " (" << t_ << ")"; \
      check::report(__FILE__, __LINE__, s_.str());                              \
    }                                                                           \
  } while (0)
/// The statement must throw, and the message must contain `text`.
#define CHECK_THROWS(statement, text)                                                                   \
  do {                                                                                                  \
    const std::string m_ = check::thrown_by([&] { statement; });                                        \
    if (m_.empty())                                                                                     \
      check::report(__FILE__, __LINE__, "did not throw: " #statement);                                  \
    else if (m_.find(text) == std::string::npos)                                                        \
      check::report(__FILE__, __LINE__, "threw \"" + m_ + "\", without \"" + std::string(text) + "\""); \
  } while (0)
