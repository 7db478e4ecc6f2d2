// One stage of qualify.
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <atomic>
#include <filesystem>
#include <future>
#include <memory>
#include <string>

#include "bindings.hpp"
#include "metaworld_rt/bundle.hpp"
#include "realtime/qualify.hpp"

namespace metaworld_rt::bindings {
namespace {

namespace rt = realtime;

rt::LoadKind load_kind(const std::string& text) {
  if (text == "none") return rt::LoadKind::none;
  if (text == "cpu") return rt::LoadKind::cpu;
  if (text == "memory") return rt::LoadKind::memory;
  if (text == "disk") return rt::LoadKind::disk;
  throw py::value_error("load must be none, cpu, memory or disk, not " + text);
}

py::list slow_list(const std::vector<rt::SlowTick>& slow) {
  py::list out;
  for (const rt::SlowTick& s : slow) out.append(py::make_tuple(s.t_ns, s.wakeup_ns, s.duration_ns, s.missed));
  return out;
}

py::dict report_dict(const rt::StageReport& r, bool controller) {
  py::dict timer;
  timer["wakeup"] = Histogram(r.timer.wakeup);
  timer["count"] = r.timer.ticks;
  timer["misses"] = r.timer.misses;
  timer["slow"] = slow_list(r.timer.slow);
  timer["fifo"] = r.timer.fifo;
  timer["warnings"] = r.timer.warnings;
  py::dict rungs;
  for (std::size_t i = 0; i < kRungs; ++i) rungs[name(static_cast<Rung>(i))] = r.rungs[i];
  py::dict out;
  out["timer"] = timer;
  out["loop"] = controller ? py::cast(r.loop) : py::none();
  out["slow"] = slow_list(r.slow);
  out["rungs"] = rungs;
  out["decisions"] = r.decisions;
  out["plans"] = r.plans;
  out["rearms"] = r.rearms;
  out["dropped_records"] = r.dropped_records;
  out["load_failed"] = r.load_failed;
  return out;
}

/// Runs beside Python: progress() may be called from it, and Ctrl-C ends the stage.
py::dict run_stage(const std::shared_ptr<Bundle>& bundle, double seconds, double rate_hz, bool controller,
                   const std::string& load, std::shared_ptr<Planner> planner, std::int64_t planner_budget_ns,
                   int priority, int cpu, const std::filesystem::path& scratch, const py::object& progress) {
  rt::StageOptions options;
  options.seconds = seconds;
  options.rate_hz = rate_hz;
  options.controller = controller;
  options.load = load_kind(load);
  options.planner = std::move(planner);
  options.planner_budget_ns = planner_budget_ns;
  options.thread.priority = priority;
  options.thread.cpu = cpu;
  options.limits.scratch = scratch;
  std::atomic<bool> stop{false};
  auto running = std::async(std::launch::async, [&] { return rt::run_stage(bundle, options, stop); });
  const auto started = std::chrono::steady_clock::now();
  try {
    for (;;) {
      {
        const py::gil_scoped_release release;
        if (running.wait_for(std::chrono::milliseconds(100)) == std::future_status::ready) break;
      }
      if (PyErr_CheckSignals() != 0) throw py::error_already_set();
      const double t = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
      if (!progress.is_none()) progress(std::min(t, seconds));
    }
  } catch (...) {
    stop.store(true);
    const py::gil_scoped_release release;
    running.wait();
    throw;
  }
  return report_dict(running.get(), controller);
}

}  // namespace

void bind_qualify(py::module_& m) {
  m.def("qualify_stage", &run_stage, py::arg("bundle"), py::arg("seconds"), py::arg("rate_hz") = 0.0,
        py::arg("controller") = true, py::arg("load") = "none", py::arg("planner") = nullptr,
        py::arg("planner_budget_ns") = 0, py::arg("priority") = 80, py::arg("cpu") = -1, py::arg("scratch") = "",
        py::arg("progress") = py::none(),
        "One stage of `qualify`: the real loop and controller, a bare timer beside them, a load on the machine.\n\n"
        "Args:\n    seconds: how long.\n    rate_hz: 0 takes the bundle's.\n    controller: False measures the bare "
        "timer alone.\n    load: none, cpu, memory or disk; bounded, at ordinary priority, ended with the stage.\n"
        "    planner: runs on its own thread beside; None: none.\n    scratch: folder of the disk load's file; empty: "
        "the temporary folder.\n    progress: called with the seconds that passed, about ten times a second.\n\n"
        "Returns:\n    dict: timer (wakeup Histogram, count, misses, slow, fifo, warnings), loop (LoopReport or "
        "None), slow, rungs, decisions, plans, rearms, dropped_records, load_failed. `slow` rows are (t_ns, "
        "wakeup_ns, duration_ns, missed).\n\nRaises:\n    Error, ValueError: bad options.");
}

}  // namespace metaworld_rt::bindings
