// Controller and Planner: the host owns the loop and calls step().
#include <pybind11/stl.h>

#include <memory>
#include <optional>

#include "bindings.hpp"
#include "metaworld_rt/bundle.hpp"
#include "metaworld_rt/controller.hpp"
#include "metaworld_rt/loop.hpp"
#include "realtime/call_counter.hpp"

namespace metaworld_rt::bindings {
namespace {

std::shared_ptr<GuardedController> make(const std::shared_ptr<Bundle>& bundle, float alpha, bool use_semantic,
                                        bool use_gate, bool sensor_checks, bool planned_skills_only) {
  if (alpha > 1.0f) throw py::value_error("alpha must be 0..1, or negative for the bundle's value");
  ControllerOptions options;
  options.alpha = alpha;
  options.use_semantic = use_semantic;
  options.use_gate = use_gate;
  options.sensor_checks = sensor_checks;
  options.planned_skills_only = planned_skills_only;
  return std::make_shared<GuardedController>(bundle, options);
}

JointCommand step(GuardedController& self, std::int64_t t_ns, const py::object& observation,
                  const std::optional<std::int64_t>& observation_t_ns) {
  const Stepping guard(self);
  const Bundle& bundle = self.active_bundle();
  const double* data = float64_vector(observation, bundle.observation_size, "observation");
  JointCommand command;
  TickStatus status;
  {
    const py::gil_scoped_release release;
    self.step(t_ns, observation_t_ns.value_or(t_ns), {data, bundle.observation_size}, command, status);
  }
  command.joints = status.joints = bundle.robot.size();
  status.skills = self.active_bundle().experts.size();  // a swap may have changed it in this tick
  self.last_command = command;
  self.last_status = status;
  return command;
}

py::dict statistics(GuardedController& self) {
  const Stepping guard(self);
  const Statistics& s = self.statistics();
  py::dict out;
  out["ticks"] = s.ticks;
  out["decisions"] = s.decisions;
  out["commands"] = s.commands;
  out["plans"] = s.plans;
  out["plan_decisions"] = s.plan_decisions;
  out["iterations"] = s.iterations;
  out["plan_age"] = Histogram(s.plan_age);
  out["plan_duration"] = Histogram(s.plan_duration);
  py::dict rungs;
  for (std::size_t i = 0; i < kRungs; ++i) rungs[name(static_cast<Rung>(i))] = s.rungs[i];
  out["rungs"] = rungs;
  return out;
}

/// Times `ticks` steps over a cycle of recorded observations, as the loop does, on the calling thread.
py::dict measure(GuardedController& self, const py::array_t<double, py::array::c_style>& observations,
                 std::uint64_t ticks, double seconds) {
  const Stepping guard(self);
  const std::size_t size = self.active_bundle().observation_size;
  if (observations.ndim() != 2 || static_cast<std::size_t>(observations.shape(1)) != size ||
      observations.shape(0) < 1) {
    throw py::value_error("observations must have shape (rows, " + std::to_string(size) + ")");
  }
  const auto rows = static_cast<std::size_t>(observations.shape(0));
  const double* data = observations.data();
  const auto period_ns = static_cast<std::int64_t>(1e9 / self.active_bundle().tick_hz + 0.5);
  const realtime::CallCounter counter;
  Histogram all, decisions;
  Command command;
  Status status;
  std::uint64_t done = 0;
  {
    const py::gil_scoped_release release;
    const std::int64_t end = monotonic_ns() + static_cast<std::int64_t>(seconds * 1e9);
    for (; done < ticks && (seconds <= 0.0 || monotonic_ns() < end); ++done) {
      const double* row = data + (done % rows) * size;
      const auto t = static_cast<std::int64_t>(done) * period_ns;
      const std::int64_t began = monotonic_ns();
      counter.arm();
      self.step(t, {row, size}, command, status);
      counter.disarm();
      const std::int64_t took = monotonic_ns() - began;
      all.record(took);
      if (status.new_decision) decisions.record(took);
    }
  }
  py::dict out;
  out["ticks"] = done;
  out["duration"] = all;
  out["decisions"] = decisions;
  const realtime::CallCounts counts = counter.counts();
  out["mallocs"] = counter.loaded() ? py::object(py::int_(counts.allocations)) : py::none();
  out["locks"] = counter.loaded() ? py::object(py::int_(counts.locks)) : py::none();
  return out;
}

void set_planner(GuardedController& self, std::shared_ptr<Planner> planner, std::int64_t budget_ns) {
  const Stepping guard(self);
  if (budget_ns < 0) throw py::value_error("budget_ns must be >= 0");
  self.set_planner(std::move(planner), budget_ns);
}

std::uint32_t swap(GuardedController& self, const std::shared_ptr<Bundle>& bundle, std::shared_ptr<Planner> planner) {
  const py::gil_scoped_release release;
  return self.swap(bundle, std::move(planner));
}

void reset(GuardedController& self) {
  const Stepping guard(self);
  self.reset();
}

}  // namespace

void bind_controller(py::module_& m) {
  py::class_<Planner, std::shared_ptr<Planner>>(m, "Planner", "Whatever plans. One instance serves one controller.");

  py::class_<GuardedController, std::shared_ptr<GuardedController>>(
      m, "Controller",
      "One call a tick turns an observation into a joint command, whatever the slow layers do.\n\n"
      "The host owns the loop and calls step(); RealtimeLoop does that on a thread of its own. Times are nanoseconds "
      "on one monotonic clock that the host chooses. Before the first skill command the safe skill is in force. The "
      "same calls with the same values give the same bits.\n\n"
      "Method: MetaWorld (arXiv 2601.17507), a_ref = sum_i w_i pi_i(s), w = alpha * semantic + (1 - alpha) * gate.")
      .def(py::init(&make), py::arg("bundle"), py::arg("alpha") = -1.0f, py::arg("use_semantic") = true,
           py::arg("use_gate") = true, py::arg("sensor_checks") = true, py::arg("planned_skills_only") = true,
           "Args:\n    bundle: what load() gave.\n    alpha: 0..1 replaces every alpha of bundle and stages; negative "
           "leaves them.\n    use_semantic: False ignores skill commands (ablation no-semantic).\n    use_gate: False "
           "is as if the bundle had no gate (ablation no-gate).\n    sensor_checks: False leaves out age and freeze "
           "checks of observations, for a plant that is stepped in lockstep.\n    planned_skills_only: False plans for "
           "every skill, also those that the bundle's planner is not for (ablations).\n\nRaises:\n    Error: the "
           "bundle's features need an observation term that it does not have.")
      .def("step", &step, py::arg("t_ns"), py::arg("observation"), py::arg("observation_t_ns") = py::none(),
           "One tick. Real-time safe inside; the GIL is released.\n\n"
           "Args:\n    t_ns: now.\n    observation: float64[bundle.observation_size], contiguous, in the order and "
           "units of bundle.observation (docs/bundle.md). NaN and infinities are met by the safety ladder, not by an "
           "exception.\n    observation_t_ns: when it was measured; None: now.\n\nReturns:\n    The command to apply, "
           "always safe.\n\nRaises:\n    TypeError: not a float64 array.\n    ValueError: wrong shape or not "
           "contiguous.\n    RuntimeError: another thread or a RealtimeLoop is stepping this controller.")
      .def_property_readonly(
          "status",
          [](GuardedController& self) {
            const Stepping guard(self);
            return self.last_status;
          },
          "Status of the last step(); RealtimeLoop.status() has the loop's.")
      .def("statistics", &statistics,
           "dict of counters since construction or reset(); plan_age and plan_duration are Histograms.")
      .def("measure", &measure, py::arg("observations"), py::arg("ticks"), py::arg("seconds") = 0.0,
           "Times step() on this thread over a cycle of observations, for benchmarks.\n\nArgs:\n    observations: "
           "float64[rows, bundle.observation_size].\n    ticks: how many at most.\n    seconds: stop after this long; "
           "0: no limit.\n\nReturns:\n    dict: ticks, duration and decisions (Histograms of all ticks and of those "
           "that decide), mallocs and locks (None unless the counting library is preloaded).")
      .def("reset", &reset, "Back to the state after construction; bundle, planner and recorder stay.")
      .def(
          "post_command", [](GuardedController& self, const SkillCommand& command) { self.post(command); },
          py::arg("command"),
          "Posts a skill command from any thread; the newest wins, in force from the next tick. One that is not valid "
          "is refused by the tick: the one before stays, and rung semantic_rejected counts.")
      .def("rearm", &GuardedController::rearm, "Ends a controlled stop at the next valid observation. Any thread.")
      .def("request_stop", &GuardedController::request_stop,
           "Controlled stop from the next tick on: damping until rearm(). Any thread.")
      .def("swap", &swap, py::arg("bundle"), py::arg("planner") = nullptr,
           "Puts a bundle in force between two ticks; returns the generation of plan requests.\n\nRaises:\n    Error: "
           "another robot, observation or rates; nothing is changed and rung swap_refused counts.")
      .def("note_refused_swap", &GuardedController::note_refused_swap,
           "Counts a bundle that load() refused before it could be swapped in. Any thread.")
      .def_property_readonly(
          "bundle", [](const GuardedController& self) { return std::const_pointer_cast<Bundle>(self.bundle()); })
      .def("set_planner", &set_planner, py::arg("planner"), py::arg("budget_ns") = 0,
           "Plans inside the tick of every decision, for budget_ns at most; 0: no deadline, deterministic.")
      .def("expect_plans", &GuardedController::expect_plans, py::arg("expected"),
           "Says that a planner thread is there, so that a missing plan is counted from the start.");
}

}  // namespace metaworld_rt::bindings
