// Times and counts a call as a C++ host would see it: the interpreter is not in the figure.
#pragma once

#include <chrono>
#include <cstddef>

#include "bindings.hpp"
#include "realtime/call_counter.hpp"

namespace metaworld_rt::bindings {

/// dict with `seconds` (float64[calls]), `mallocs` and `locks` (of all calls; None unless the counting library is
/// preloaded, and then the times mean little).
template <class F>
py::dict measure_calls(F&& call, std::size_t calls) {
  py::array_t<double> seconds(static_cast<py::ssize_t>(calls));
  double* result = seconds.mutable_data();
  const realtime::CallCounter counter;
  const realtime::CallCounts before = counter.counts();
  {
    const py::gil_scoped_release release;
    for (std::size_t i = 0; i < calls; ++i) {
      counter.arm();
      const auto begin = std::chrono::steady_clock::now();
      call();
      result[i] = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
      counter.disarm();
    }
  }
  const realtime::CallCounts after = counter.counts();
  const auto counted = [&](std::uint64_t n) { return counter.loaded() ? py::object(py::int_(n)) : py::none(); };
  py::dict out;
  out["seconds"] = seconds;
  out["mallocs"] = counted(after.allocations - before.allocations);
  out["locks"] = counted(after.locks - before.locks);
  return out;
}

}  // namespace metaworld_rt::bindings
