// RealtimeLoop and PlannerThread: C++ threads, no Python in them. The GIL is released wherever one of them is waited
// for.
#include <pybind11/stl.h>

#include <memory>
#include <optional>

#include "bindings.hpp"
#include "metaworld_rt/bundle.hpp"
#include "metaworld_rt/loop.hpp"
#include "metaworld_rt/planner_thread.hpp"

namespace metaworld_rt::bindings {
namespace {

/// Keeps its controller alive, and marks it as being stepped from start() to the end of the thread.
class Loop {
 public:
  Loop(std::shared_ptr<GuardedController> controller, const LoopOptions& options)
      : controller_(std::move(controller)), bundle_(controller_->bundle()), loop_(*controller_, options) {}
  ~Loop() {
    loop_.stop();
    join();
  }

  void start() {
    auto stepping = std::make_unique<Stepping>(*controller_);
    loop_.start();
    stepping_ = std::move(stepping);
  }
  void stop() noexcept { loop_.stop(); }
  void join() {
    loop_.join();
    stepping_.reset();
  }
  bool running() const noexcept { return loop_.running(); }

  void observe(std::int64_t t_ns, const py::object& observation) {
    const std::size_t size = bundle_->observation_size;
    loop_.observe(t_ns, {float64_vector(observation, size, "observation"), size});
  }
  std::optional<JointCommand> command() {
    JointCommand out;
    out.joints = bundle_->robot.size();
    return loop_.command(out) ? std::optional(out) : std::nullopt;
  }
  TickStatus status() const {
    TickStatus out;
    static_cast<Status&>(out) = loop_.status();
    out.joints = bundle_->robot.size();
    out.skills = controller_->bundle()->experts.size();
    return out;
  }
  LoopReport report() const { return loop_.report(); }

 private:
  std::shared_ptr<GuardedController> controller_;
  std::shared_ptr<const Bundle> bundle_;  // a swap keeps joints and observation, so sizes are constant
  RealtimeLoop loop_;
  std::unique_ptr<Stepping> stepping_;
};

std::unique_ptr<Loop> make_loop(std::shared_ptr<GuardedController> controller, double rate_hz, double duration_s,
                                int priority, int cpu, bool lock_memory, CommandMode end) {
  LoopOptions options;
  options.rate_hz = rate_hz;
  options.duration_s = duration_s;
  options.thread.priority = priority;
  options.thread.cpu = cpu;
  options.thread.lock_memory = lock_memory;
  options.end = end;
  return std::make_unique<Loop>(std::move(controller), options);
}

/// Keeps its controller alive.
class Planning {
 public:
  Planning(std::shared_ptr<GuardedController> controller, std::shared_ptr<Planner> planner,
           const PlannerThreadOptions& options)
      : controller_(std::move(controller)), thread_(*controller_, std::move(planner), options) {}
  void start() { thread_.start(); }
  void stop() noexcept { thread_.stop(); }
  void set_planner(std::shared_ptr<Planner> planner, std::uint32_t generation) {
    thread_.set_planner(std::move(planner), generation);
  }
  PlannerReport report() const { return thread_.report(); }

 private:
  std::shared_ptr<GuardedController> controller_;
  PlannerThread thread_;
};

std::unique_ptr<Planning> make_planning(std::shared_ptr<GuardedController> controller, std::shared_ptr<Planner> planner,
                                        std::int64_t budget_ns, int priority, int cpu) {
  PlannerThreadOptions options;
  options.budget_ns = budget_ns;
  options.thread.priority = priority;
  options.thread.cpu = cpu;
  return std::make_unique<Planning>(std::move(controller), std::move(planner), options);
}

void bind_reports(py::module_& m) {
  py::class_<LoopReport>(m, "LoopReport", "How a loop went. Complete after join().")
      .def_readonly("rate_hz", &LoopReport::rate_hz)
      .def_readonly("ticks", &LoopReport::ticks)
      .def_readonly("misses", &LoopReport::misses, "Deadlines that passed: late ticks, and ticks skipped for them.")
      .def_readonly("wakeup", &LoopReport::wakeup, "Histogram: actual - planned wake-up.")
      .def_readonly("duration", &LoopReport::duration, "Histogram: Controller.step.")
      .def_readonly("waited_ticks", &LoopReport::waited_ticks, "Before the first observation; nothing was stepped.")
      .def_readonly("minor_faults", &LoopReport::minor_faults, "Page faults of the thread after its warm-up.")
      .def_readonly("major_faults", &LoopReport::major_faults)
      .def_readonly("allocations", &LoopReport::allocations, "Inside step(); None where they are not counted.")
      .def_readonly("locks", &LoopReport::locks)
      .def_readonly("syscalls", &LoopReport::syscalls)
      .def_readonly("fifo", &LoopReport::fifo)
      .def_readonly("locked", &LoopReport::locked)
      .def_readonly("pinned", &LoopReport::pinned)
      .def_readonly("warnings", &LoopReport::warnings, "Each with its remedy.");

  py::class_<PlannerReport>(m, "PlannerReport", "How a planner thread went.")
      .def_readonly("plans", &PlannerReport::plans)
      .def_readonly("iterations", &PlannerReport::iterations)
      .def_readonly("deadline_hits", &PlannerReport::deadline_hits)
      .def_readonly("not_finite", &PlannerReport::not_finite)
      .def_readonly("duration", &PlannerReport::duration)
      .def_readonly("warnings", &PlannerReport::warnings);
}

}  // namespace

void bind_loop(py::module_& m) {
  bind_reports(m);
  using release = py::call_guard<py::gil_scoped_release>;
  m.def("monotonic_ns", &monotonic_ns, "CLOCK_MONOTONIC, ns: the clock of RealtimeLoop; equals time.monotonic_ns().");

  py::class_<Loop>(m, "RealtimeLoop",
                   "Runs a controller on a C++ thread: absolute-time ticks, measured, no Python in it.\n\n"
                   "The plant observes and reads commands from one other thread; neither side ever waits for the "
                   "other. Nothing is stepped before the first observation. What the system refuses (SCHED_FIFO, "
                   "mlockall, affinity) becomes a warning in report(), with its remedy.")
      .def(py::init(&make_loop), py::arg("controller"), py::arg("rate_hz") = 0.0, py::arg("duration_s") = 0.0,
           py::arg("priority") = 80, py::arg("cpu") = -1, py::arg("lock_memory") = true,
           py::arg_v("end", CommandMode::damping, "CommandMode.damping"),
           "Args:\n    controller: stepped by this loop alone from start() to join().\n    rate_hz: ticks a second; 0 "
           "takes the bundle's.\n    duration_s: 0 runs until stop().\n    priority: SCHED_FIFO 1..99; 0 leaves the "
           "scheduler as it is.\n    cpu: pin to this core; negative: no.\n    lock_memory: mlockall.\n    end: what "
           "the plant gets last: damping, or position to hold the last target.\n\nRaises:\n    Error: bad options.")
      .def("start", &Loop::start,
           "Raises:\n    Error: it was started before.\n    RuntimeError: the controller is in use.")
      .def("stop", &Loop::stop, release(), "Asks it to end after the tick at hand; it then sends the end command.")
      .def("join", &Loop::join, release(), "Waits until the thread has ended.")
      .def_property_readonly("running", &Loop::running)
      .def("observe", &Loop::observe, py::arg("t_ns"), py::arg("observation"),
           "A new observation from the plant's thread, measured at t_ns (monotonic_ns). Wait-free.\n\n"
           "Args:\n    observation: float64[bundle.observation_size], contiguous.\n\nRaises:\n    TypeError, "
           "ValueError: wrong dtype or shape; nothing is written.")
      .def("command", &Loop::command, "The newest command, or None if there is none since the last call. Wait-free.")
      .def("status", &Loop::status, release(), "Status of the newest tick. Any thread.")
      .def("report", &Loop::report, release(), "LoopReport; complete after join().");

  py::class_<Planning>(m, "PlannerThread",
                       "A planner on a C++ thread: takes the newest request, plans until its deadline, posts the plan.")
      .def(py::init(&make_planning), py::arg("controller"), py::arg("planner"), py::arg("budget_ns") = 0,
           py::arg("priority") = 0, py::arg("cpu") = -1,
           "Args:\n    controller: made before its first step.\n    planner: serves this thread alone.\n    budget_ns: "
           "from the moment a request is taken; 0: no deadline.\n    priority: SCHED_FIFO below the servo's; 0: "
           "none.\n    cpu: pin to this core; negative: no.")
      .def("start", &Planning::start)
      .def("stop", &Planning::stop, release(), "Returns once the thread has ended.")
      .def("set_planner", &Planning::set_planner, py::arg("planner"), py::arg("generation"), release())
      .def("report", &Planning::report, release());
}

}  // namespace metaworld_rt::bindings
