// One stage of qualify.
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "bindings.hpp"
#include "metaworld_rt/bundle.hpp"
#include "realtime/qualify.hpp"
#include "realtime/rt_thread.hpp"
#include "realtime/slow_ticks.hpp"

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

py::dict timer_dict(const rt::TimerReport& r) {
  py::dict timer;
  timer["wakeup"] = Histogram(r.wakeup);
  timer["count"] = r.ticks;
  timer["misses"] = r.misses;
  timer["slow"] = slow_list(r.slow);
  timer["fifo"] = r.fifo;
  timer["warnings"] = r.warnings;
  return timer;
}

py::dict report_dict(const rt::StageReport& r, bool controller) {
  py::dict rungs;
  for (std::size_t i = 0; i < kRungs; ++i) rungs[name(static_cast<Rung>(i))] = r.rungs[i];
  py::dict out;
  out["timer"] = timer_dict(r.timer);
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

/// Plans what the expert mixture wants, held over the horizon: a planner for tests of what happens to plans.
class ReferencePlanner final : public Planner {
 public:
  ReferencePlanner(std::size_t joints, std::uint32_t horizon, std::int64_t dt_ns)
      : joints_(joints), horizon_(std::min<std::uint32_t>(horizon, kMaxHorizon)), dt_ns_(dt_ns) {}
  void plan(const PlanRequest& request, std::int64_t, Plan& plan) noexcept override {
    plan = Plan{};
    plan.t_ns = request.t_ns;
    plan.dt_ns = dt_ns_;
    plan.decision = request.decision;
    plan.generation = request.generation;
    plan.horizon = horizon_;
    plan.iterations = 1;
    plan.finite = true;
    for (std::uint32_t k = 0; k < horizon_; ++k)
      std::copy_n(request.reference.begin(), joints_, plan.action[k].begin());
  }

 private:
  std::size_t joints_;
  std::uint32_t horizon_;
  std::int64_t dt_ns_;
};

std::shared_ptr<ReferencePlanner> reference_planner(const Bundle& bundle, std::uint32_t horizon) {
  const auto dt_ns = static_cast<std::int64_t>(1e9 / bundle.decision_hz + 0.5);
  return std::make_shared<ReferencePlanner>(bundle.robot.size(), horizon, dt_ns);
}

/// What a planner thread does once, in lockstep.
bool answer_request(GuardedController& controller, Planner& planner) {
  PlanRequest request;
  if (!controller.take_request(request)) return false;
  Plan plan;
  planner.plan(request, 0, plan);
  controller.post_plan(plan);
  return true;
}

/// Takes one core away from everything below `priority`, as a driver gone wild would. Returns whether it was FIFO.
bool hog(int cpu, int priority, double seconds) {
  if (!(seconds >= 0.0 && seconds <= 1.0)) throw py::value_error("seconds must be 0..1");
  const py::gil_scoped_release release;
  bool fifo = false;
  std::thread([&] {
    ThreadOptions options;
    options.cpu = cpu;
    options.priority = priority;
    fifo = rt::become_realtime(options).fifo;
    const std::int64_t end = monotonic_ns() + static_cast<std::int64_t>(seconds * 1e9);
    while (monotonic_ns() < end) {
    }
  }).join();
  return fifo;
}

/// For a soak: which ticks of a running controller were late. Attached and detached while nobody steps.
class SlowTickWatch {
 public:
  SlowTickWatch(std::shared_ptr<GuardedController> controller, double rate_hz)
      : controller_(std::move(controller)), ring_(8u << 20), slow_(static_cast<std::int64_t>(1e9 / rate_hz)) {
    const Stepping guard(*controller_);
    drain_ = std::make_unique<RecordDrain>(ring_, slow_);
    controller_->set_recorder(&ring_);
  }
  ~SlowTickWatch() { end(); }
  py::dict stop() {
    const Stepping guard(*controller_);
    end();
    py::dict out;
    out["slow"] = slow_list(slow_.slow);
    out["records"] = records_;
    out["dropped"] = ring_.dropped();
    return out;
  }

 private:
  void end() {
    if (!drain_) return;
    controller_->set_recorder(nullptr);
    drain_->stop();
    records_ = drain_->written();
    drain_.reset();
  }
  std::shared_ptr<GuardedController> controller_;
  RecordRing ring_;
  rt::SlowTicks slow_;
  std::unique_ptr<RecordDrain> drain_;
  std::uint64_t records_ = 0;
};

void bind_soak(py::module_& m) {
  py::class_<SlowTickWatch>(m, "SlowTickWatch",
                            "Which ticks of a controller woke or took more than half a period, or missed a deadline.")
      .def(py::init<std::shared_ptr<GuardedController>, double>(), py::arg("controller"), py::arg("rate_hz"),
           "Args:\n    controller: not being stepped now.\n    rate_hz: of its loop.")
      .def("stop", &SlowTickWatch::stop,
           "dict: slow, rows of (t_ns, wakeup_ns, duration_ns, missed); records; dropped. While nobody steps.");
  py::class_<rt::BareTimer>(m, "BareTimer", "A thread that only wakes up on time: what the machine is capable of.")
      .def(py::init([](double rate_hz, int priority, int cpu) {
             if (!(rate_hz >= 1.0 && rate_hz <= 100e3)) throw py::value_error("rate_hz must be 1..100000");
             ThreadOptions options;
             options.priority = priority;
             options.cpu = cpu;
             return std::make_unique<rt::BareTimer>(static_cast<std::int64_t>(1e9 / rate_hz), options);
           }),
           py::arg("rate_hz"), py::arg("priority") = 80, py::arg("cpu") = -1)
      .def("start", &rt::BareTimer::start)
      .def(
          "stop",
          [](rt::BareTimer& timer) {
            {
              const py::gil_scoped_release release;
              timer.stop();
            }
            return timer_dict(timer.report());
          },
          "dict: wakeup Histogram, count, misses, slow, fifo, warnings.");
}

void bind_faults(py::module_& m) {
  py::class_<ReferencePlanner, Planner, std::shared_ptr<ReferencePlanner>>(
      m, "ReferencePlanner", "Plans what the expert mixture wants, held over the horizon. For fault injection.")
      .def(py::init(&reference_planner), py::arg("bundle"), py::arg("horizon") = 5);
  m.def("answer_request", &answer_request, py::arg("controller"), py::arg("planner"),
        "What a PlannerThread does once: takes the newest plan request, plans without a deadline, posts the plan.\n\n"
        "Returns:\n    Whether there was a request.");
  m.def(
      "report_timing",
      [](GuardedController& controller, std::uint32_t missed, std::int64_t wakeup_ns, std::int64_t duration_ns) {
        const Stepping guard(controller);
        controller.report({missed, wakeup_ns, duration_ns});
      },
      py::arg("controller"), py::arg("missed"), py::arg("wakeup_ns") = 0, py::arg("duration_ns") = 0,
      "What a loop tells its controller about the tick before; too many missed deadlines in a row stop the robot.");
  m.def(
      "hog", &hog, py::arg("cpu"), py::arg("priority"), py::arg("seconds"),
      "Spins on a core at a SCHED_FIFO priority for up to a second: fault injection. Returns whether FIFO was given.");
}

}  // namespace

void bind_qualify(py::module_& m) {
  bind_faults(m);
  bind_soak(m);
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
