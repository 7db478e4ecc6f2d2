#include "realtime/qualify.hpp"

#include <chrono>
#include <cmath>
#include <thread>

#include "metaworld_rt/controller.hpp"
#include "metaworld_rt/planner_thread.hpp"
#include "metaworld_rt/record.hpp"
#include "realtime/rt_thread.hpp"
#include "realtime/sleep.hpp"
#include "realtime/slow_ticks.hpp"

namespace metaworld_rt::realtime {
namespace {

/// Plays the robot: one observation a tick, a new skill command a second.
class Robot {
 public:
  Robot(RealtimeLoop& loop, Controller& controller, const Bundle& bundle, std::int64_t period_ns, int priority)
      : loop_(loop), controller_(controller), bundle_(bundle), period_ns_(period_ns), priority_(priority) {
    thread_ = std::thread([this] { run(); });
  }
  std::uint64_t end() {
    stopping_.store(true);
    thread_.join();
    return rearms_;
  }

 private:
  void run() {
    ThreadOptions options;
    options.priority = priority_;
    become_realtime(options);
    std::vector<double> o(bundle_.observation_size, 0.0);
    const auto at = [&](ObservationKind kind) { return o.data() + bundle_.find(kind)->offset; };
    at(ObservationKind::base_pos)[2] = 0.98;
    at(ObservationKind::base_quat)[0] = 1.0;
    Command command;
    for (std::uint64_t i = 0; !stopping_.load(std::memory_order_relaxed); ++i) {
      const double t = static_cast<double>(i) * 1e-9 * static_cast<double>(period_ns_);
      for (std::size_t j = 0; j < bundle_.robot.size(); ++j) {
        const double phase = 2.0 * 3.14159265358979 * t + static_cast<double>(j);
        at(ObservationKind::joint_pos)[j] = bundle_.robot.default_pos[j] + 0.05 * std::sin(phase);
        at(ObservationKind::joint_vel)[j] = 0.3 * std::cos(phase);
      }
      loop_.observe(monotonic_ns(), o);
      loop_.command(command);
      if (i % 1000 == 0) command_skill(i / 1000);
      if (i % 50 == 0 && loop_.status().mode == Mode::stopped) {
        controller_.rearm();
        ++rearms_;
      }
      sleep_until(monotonic_ns() + period_ns_);
    }
  }
  void command_skill(std::uint64_t i) {
    const std::size_t n = bundle_.experts.size();
    SkillCommand command;
    command.id = static_cast<std::uint32_t>(i + 1);
    command.stage_count = 1;
    command.stages[0].weights[i % n] = 0.5f;
    command.stages[0].weights[(i + 1) % n] += 0.5f;
    controller_.post(command);
  }

  RealtimeLoop& loop_;
  Controller& controller_;
  const Bundle& bundle_;
  std::int64_t period_ns_;
  int priority_;
  std::atomic<bool> stopping_{false};
  std::uint64_t rearms_ = 0;
  std::thread thread_;
};

void wait(double seconds, const std::atomic<bool>& stop) {
  const std::int64_t end = monotonic_ns() + static_cast<std::int64_t>(seconds * 1e9);
  while (!stop.load(std::memory_order_relaxed) && monotonic_ns() < end)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
}

}  // namespace

StageReport run_stage(std::shared_ptr<const Bundle> bundle, const StageOptions& o, const std::atomic<bool>& stop) {
  if (!bundle) throw Error("qualify: it needs a bundle");
  if (!(o.seconds > 0.0 && o.seconds < 1e6)) throw Error("qualify: seconds must be more than 0");
  const double rate = o.rate_hz > 0.0 ? o.rate_hz : bundle->tick_hz;
  if (!(rate >= 1.0 && rate <= 100e3)) throw Error("qualify: rate_hz must be 1..100000");
  const auto period_ns = static_cast<std::int64_t>(1e9 / rate + 0.5);

  StageReport out;
  const Load load(o.load, o.limits);
  BareTimer timer(period_ns, o.thread);
  if (!o.controller) {
    timer.start();
    wait(o.seconds, stop);
    timer.stop();
    out.timer = timer.report();
    out.load_failed = load.failed();
    return out;
  }

  ControllerOptions checks;
  checks.sensor_checks = false;  // the simulated robot runs at ordinary priority and may be starved: that is not asked
  Controller controller(bundle, checks);
  RecordRing ring(8u << 20);
  SlowTicks slow(period_ns);
  RecordDrain drain(ring, slow);
  if (o.record) controller.set_recorder(&ring);
  std::unique_ptr<PlannerThread> planner;
  if (o.planner) {
    PlannerThreadOptions options;
    options.budget_ns = o.planner_budget_ns;
    options.thread.priority = o.thread.priority > 1 ? o.thread.priority - 1 : 0;
    planner = std::make_unique<PlannerThread>(controller, o.planner, options);
    planner->start();
  }
  LoopOptions options;
  options.rate_hz = rate;
  options.thread = o.thread;
  RealtimeLoop loop(controller, options);
  loop.start();
  timer.start();
  Robot robot(loop, controller, *bundle, period_ns, 0);
  wait(o.seconds, stop);
  loop.stop();
  loop.join();
  timer.stop();
  out.rearms = robot.end();
  planner.reset();
  controller.set_recorder(nullptr);
  drain.stop();
  out.loop = loop.report();
  out.timer = timer.report();
  out.slow = std::move(slow.slow);
  const Statistics& statistics = controller.statistics();
  out.rungs = statistics.rungs;
  out.decisions = statistics.decisions;
  out.plans = statistics.plans;
  out.dropped_records = ring.dropped();
  out.load_failed = load.failed();
  return out;
}

}  // namespace metaworld_rt::realtime
