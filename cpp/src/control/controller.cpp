#include "metaworld_rt/controller.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstring>
#include <mutex>
#include <utility>

#include "control/denormals.hpp"
#include "control/engine.hpp"
#include "control/inbox.hpp"
#include "control/state.hpp"
#include "control/tick_recorder.hpp"
#include "control/time.hpp"
#include "skills/fusion.hpp"

namespace metaworld_rt {

using namespace control;

namespace {

/// A step of the clock beyond this is a jump, not a starved thread.
constexpr std::int64_t kClockJump = kSecond / 2;

std::int64_t steady_ns() noexcept {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

struct Controller::Impl {
  Impl(std::shared_ptr<const Bundle> bundle, const ControllerOptions& o)
      : options(o), engine(std::make_unique<Engine>(bundle, o, 0)), accepted(std::move(bundle)) {}

  // The stepping thread's.
  ControllerOptions options;
  std::unique_ptr<Engine> engine;
  State state{};
  Statistics statistics{};
  TickTiming timing{};
  bool timed = false, expect_plans = false;
  std::int64_t planner_budget_ns = 0;
  TickRecorder recorder;
  PlanRequest request{};  // the one at hand; a copy goes to the mailbox
  Plan tick_plan{};       // made in the tick

  Mailbox<PlanRequest> requests;
  Inbox inbox;

  // The other side's.
  mutable std::mutex mutex;
  std::shared_ptr<const Bundle> accepted;
  std::uint32_t generation = 0;

  void step(std::int64_t t, std::int64_t observation_t, std::span<const double> observation, Command& command,
            Status& status) noexcept;
  TickInputs take_inputs(std::int64_t t) noexcept;
  void take_engine() noexcept;
  void keep_time(std::int64_t t, bool& jumped) noexcept;
  void restart() noexcept;
  bool take_plan(const Plan& plan) noexcept;
  void decide(std::int64_t t, const double* observation) noexcept;
  void follow(std::int64_t t) noexcept;
  void apply(const float* wanted, bool from_plan, std::int64_t t) noexcept;
  void move(std::int64_t t, std::int64_t dt) noexcept;
  void target_at(std::int64_t t, double* q) const noexcept;
  void begin_at(const double* observation) noexcept;
  void fill(std::int64_t t, Mode mode, bool new_decision, Command& command, Status& status) const noexcept;
};

/// Step 1 of a tick: what came in since the last one.
TickInputs Controller::Impl::take_inputs(std::int64_t t) noexcept {
  TickInputs in;
  in.timing = std::exchange(timing, TickTiming{});
  in.timed = std::exchange(timed, false);
  in.refused_swaps = inbox.refused_swaps.exchange(0, std::memory_order_relaxed);
  in.stop = inbox.stop.exchange(false, std::memory_order_acquire);
  in.rearm = inbox.rearm.exchange(false, std::memory_order_acquire);
  state.rungs.count(Rung::swap_refused, in.refused_swaps);
  take_engine();
  if (inbox.command.update()) {
    const SkillCommand& command = inbox.command.front();
    recorder.command(command);
    if (engine->semantic.accept(state.semantic, command, t, state.rungs)) ++statistics.commands;
  }
  if (inbox.plan.update()) {
    recorder.plan(inbox.plan.front(), engine->limiter.joints(), false);
    in.plan = take_plan(inbox.plan.front());
  }
  return in;
}

void Controller::Impl::take_engine() noexcept {
  if (inbox.engine.load(std::memory_order_relaxed) == nullptr) return;
  Engine* next = inbox.engine.exchange(nullptr, std::memory_order_acq_rel);
  if (next == nullptr) return;
  Engine* old = engine.release();
  engine.reset(next);
  next->semantic.carry_over(state.semantic, *old->bundle);
  state.follower = FollowerState{};
  state.fresh_start = true;
  state.generation = next->generation;
  if (next->planner) next->planner->reset();
  recorder.swap(*next);
  inbox.retire(old);
}

bool Controller::Impl::take_plan(const Plan& plan) noexcept {
  ++statistics.plans;
  statistics.iterations += plan.iterations;
  statistics.plan_duration.record(plan.duration_ns);
  expect_plans = true;
  // One that was asked for before another skill was commanded may come too late to be wanted.
  return engine->plans_for(state.semantic.weights) && engine->follower.accept(state.follower, plan, state.generation);
}

/// A jump moves every timer with it and drops the plan, which was made for times that will not come.
void Controller::Impl::keep_time(std::int64_t t, bool& jumped) noexcept {
  State& s = state;
  if (!s.started) {
    s.started = true;
    s.last_t = s.next_decision_t = t;
  }
  jumped = t < s.last_t || t - s.last_t > kClockJump;
  if (!jumped) return;
  s.rungs.count(Rung::clock_jump);
  const std::int64_t by = t - s.last_t - 2 * engine->half_tick_ns;
  s.next_decision_t += by;
  s.target_t += by;
  Watchdog::shift(s.watchdog, by);
  SemanticPolicy::shift(s.semantic, by);
  s.follower = FollowerState{};
}

/// After a controlled stop: as after construction, but the clock, the counters and the bundle go on.
void Controller::Impl::restart() noexcept {
  State& s = state;
  s.stop.rearm();
  s.rearm_pending = false;
  s.has_command = false;
  s.fresh_start = true;
  s.phase = 0.0;
  s.action.fill(0.0f);
  engine->semantic.restart(s.semantic);
  s.follower = FollowerState{};
  if (engine->planner) engine->planner->reset();
}

/// The first command starts from the posture the robot is in, so that nothing jumps.
void Controller::Impl::begin_at(const double* observation) noexcept {
  const Robot& robot = engine->bundle->robot;
  const double* q = engine->layout.find(ObservationKind::joint_pos, observation);
  for (std::size_t i = 0; i < robot.size(); ++i) state.q[i] = std::clamp(q[i], robot.lower[i], robot.upper[i]);
  state.from = state.to = state.q;
  state.has_command = true;
}

/// Features -> semantic -> gate -> fusion -> reference -> plan -> action.
void Controller::Impl::decide(std::int64_t t, const double* observation) noexcept {
  State& s = state;
  Engine& e = *engine;
  const Bundle& bundle = *e.bundle;
  const std::size_t skills = e.experts.size();

  const std::int64_t passed = (t + e.half_tick_ns - s.next_decision_t) / e.decision_ns + 1;
  s.next_decision_t += passed * e.decision_ns;

  e.semantic.decide(s.semantic, t, observation, s.rungs);
  s.phase += e.experts.phase_rate(s.semantic.weights.data()) / bundle.decision_hz;
  s.phase -= std::floor(s.phase);

  e.features.compute({observation, &s.semantic.goal, s.action.data(), s.phase}, request.phi.data());
  if (e.handover.trained()) e.handover.readiness(request.phi.data(), e.workspace, s.semantic.ready.data());
  std::array<float, kMaxSkills> p{};
  e.gate.probabilities(request.phi.data(), s.semantic.weights.data(), e.gate.trust(s.semantic.alpha), e.workspace,
                       p.data());
  skills::fuse(s.semantic.weights.data(), p.data(), s.semantic.alpha, skills, s.mixture.data());
  const bool finite = e.experts.reference(request.phi.data(), s.mixture.data(), e.workspace, s.reference.data());

  const bool plans = e.plans_for(s.semantic.weights);
  bool planned_here = false;
  if (!plans) s.follower.any = false;
  if (finite && plans) {
    request.t_ns = t;
    request.decision = s.decisions;
    request.generation = s.generation;
    request.condition = s.semantic.weights;
    request.mixture = s.mixture;
    request.reference = s.reference;
    requests.write(request);
    if (e.planner) {
      e.planner->plan(request, planner_budget_ns > 0 ? steady_ns() + planner_budget_ns : 0, tick_plan);
      recorder.plan(tick_plan, e.limiter.joints(), true);
      take_plan(tick_plan);
      planned_here = true;
    }
  }
  const float* planned = e.follower.at(s.follower, t);
  const std::uint64_t lag = planned_here ? 0 : 1;
  if (expect_plans && plans && (planned_here || !s.fresh_start))
    e.follower.judge(s.follower, planned != nullptr, s.decisions, lag, s.rungs);
  // Beside the tick, the plan of this decision is some ms away. Until it comes, the mixture knows more of where the
  // robot is than the rest of the plan before, which was made without it.
  if (!planned_here && e.follower.in_time(s.follower, s.decisions, lag)) planned = nullptr;
  if (planned) follow(t);
  apply(planned ? planned : s.reference.data(), planned != nullptr, t);
  s.fresh_start = !plans;
  ++s.decisions;
  ++statistics.decisions;
}

/// Counts that the decision at hand follows a plan.
void Controller::Impl::follow(std::int64_t t) noexcept {
  ++statistics.plan_decisions;
  statistics.plan_age.record(t - state.follower.plan.t_ns);
}

/// Sets the target of the decision at hand. An action that is not finite leaves the one before.
void Controller::Impl::apply(const float* wanted, bool from_plan, std::int64_t t) noexcept {
  State& s = state;
  const std::size_t joints = engine->limiter.joints();
  std::array<float, kMaxJoints> action{};
  std::copy_n(wanted, joints, action.data());
  if (!engine->limiter.accept({action.data(), joints})) {
    s.rungs.count(Rung::output_rejected);
    return;
  }
  s.plan_used = from_plan;
  target_at(t, s.from.data());
  s.action = action;
  engine->limiter.target({action.data(), joints}, s.to.data());
  s.target_t = t;
}

void Controller::Impl::target_at(std::int64_t t, double* q) const noexcept {
  const std::size_t joints = engine->limiter.joints();
  double part = 1.0;
  if (engine->bundle->interpolate)
    part = std::clamp(static_cast<double>(t - state.target_t) / static_cast<double>(engine->decision_ns), 0.0, 1.0);
  for (std::size_t i = 0; i < joints; ++i)
    q[i] = part == 1.0 ? state.to[i] : state.from[i] + part * (state.to[i] - state.from[i]);
}

/// The command follows the target within the limits. A late tick may not move further than one decision's worth.
void Controller::Impl::move(std::int64_t t, std::int64_t dt) noexcept {
  double target[kMaxJoints];
  target_at(t, target);
  engine->limiter.approach(target, to_seconds(std::clamp<std::int64_t>(dt, 0, engine->decision_ns)), state.q.data(),
                           state.rungs);
}

void Controller::Impl::fill(std::int64_t t, Mode mode, bool new_decision, Command& command,
                            Status& status) const noexcept {
  const State& s = state;
  const Bundle& bundle = *engine->bundle;
  const std::size_t joints = bundle.robot.size();
  command = Command{};
  command.t_ns = t;
  command.mode = mode == Mode::stopped || !s.has_command ? CommandMode::damping : CommandMode::position;
  for (std::size_t i = 0; i < joints; ++i) {
    command.q[i] = s.q[i];
    command.kp[i] = command.mode == CommandMode::position ? bundle.robot.stiffness[i] : 0.0;
    command.kd[i] = command.mode == CommandMode::position ? bundle.robot.damping[i] : bundle.limits.stop_damping[i];
  }
  status.t_ns = t;
  status.tick = s.ticks - 1;
  status.decision = s.decisions > 0 ? s.decisions - 1 : 0;
  status.mode = mode;
  status.new_decision = new_decision;
  status.plan_used = s.plan_used;
  status.stages_done = s.semantic.done;
  status.command_id = s.semantic.commanded ? s.semantic.command.id : 0;
  status.stage = s.semantic.stage;
  status.generation = s.generation;
  status.frozen_joint = s.watchdog.frozen_joint;
  status.plan_age_ns = s.follower.any ? t - s.follower.plan.t_ns : 0;
  status.semantic_age_ns = SemanticPolicy::age(s.semantic, t);
  status.alpha = s.semantic.alpha;
  status.phase = static_cast<float>(s.phase);
  status.mixture = s.mixture;
  status.reference = s.reference;
  status.action = s.action;
  status.rungs = s.rungs.total;
}

void Controller::Impl::step(std::int64_t t, std::int64_t observation_t, std::span<const double> observation,
                            Command& command, Status& status) noexcept {
  const FlushDenormals flush;
  State& s = state;
  s.rungs.now = 0;
  if (s.ticks % kKeyframeTicks == 0) recorder.keyframe(*engine, s);

  bool jumped = false;
  keep_time(t, jumped);
  const TickInputs in = take_inputs(t);
  if (in.timed) s.stop.deadlines(in.timing.missed, engine->bundle->limits.missed_deadlines_stop, s.rungs);
  const double* asked = s.has_command && !s.stop.stopped ? s.q.data() : nullptr;
  const Watchdog::Verdict verdict = engine->watchdog.check(s.watchdog, t, observation_t, observation, asked, s.rungs);

  if (verdict == Watchdog::Verdict::stop || in.stop) s.stop.stop(s.rungs);
  s.rearm_pending = s.stop.stopped && !in.stop && (s.rearm_pending || in.rearm);
  if (s.rearm_pending && verdict == Watchdog::Verdict::good) restart();

  Mode mode = Mode::running;
  bool new_decision = false;
  if (s.stop.stopped) {
    mode = Mode::stopped;
  } else if (verdict != Watchdog::Verdict::good || jumped) {
    mode = Mode::holding;
  } else {
    const bool first = !s.has_command;
    if (first) begin_at(observation.data());
    new_decision = first || t + engine->half_tick_ns >= s.next_decision_t;
    if (new_decision) {
      // A run that begins (construction, re-arm) sets the grid of decisions.
      if (first) s.next_decision_t = t;
      decide(t, observation.data());
    } else if (in.plan) {
      if (const float* planned = engine->follower.at(s.follower, t)) {
        if (!s.plan_used) follow(t);
        apply(planned, true, t);
      }
    }
    move(t, first ? engine->decision_ns : t - s.last_t);
  }
  s.last_t = t;
  ++s.ticks;
  ++statistics.ticks;
  fill(t, mode, new_decision, command, status);
  statistics.rungs = s.rungs.total;
  recorder.tick(*engine, s, in, observation_t, observation, command, status);
}

Controller::Controller(std::shared_ptr<const Bundle> bundle, const ControllerOptions& options) {
  if (!bundle) throw Error("a controller needs a bundle");
  if (!(options.alpha <= 1.0f)) throw Error("alpha must be at most 1; negative leaves the bundle's");
  impl_ = std::make_unique<Impl>(std::move(bundle), options);
}
Controller::~Controller() = default;

void Controller::step(std::int64_t t_ns, std::int64_t observation_t_ns, std::span<const double> observation,
                      Command& command, Status& status) noexcept {
  impl_->step(t_ns, observation_t_ns, observation, command, status);
}

void Controller::report(const TickTiming& timing) noexcept {
  impl_->timing = timing;
  impl_->timed = true;
}

void Controller::reset() noexcept {
  const std::uint32_t generation = impl_->state.generation;
  impl_->state = State{};
  impl_->state.generation = generation;
  impl_->statistics = Statistics{};
  impl_->timed = false;
  // What was posted for the episode before is not for this one.
  impl_->inbox.command.update();
  impl_->inbox.plan.update();
  impl_->inbox.rearm.store(false, std::memory_order_relaxed);
  impl_->inbox.stop.store(false, std::memory_order_relaxed);
  if (impl_->engine->planner) impl_->engine->planner->reset();
  impl_->recorder.reset();
}

const Statistics& Controller::statistics() const noexcept { return impl_->statistics; }
const Bundle& Controller::active_bundle() const noexcept { return *impl_->engine->bundle; }

void Controller::post(const SkillCommand& command) {
  const std::lock_guard lock(impl_->mutex);
  impl_->inbox.command.write(command);
}

void Controller::rearm() noexcept { impl_->inbox.rearm.store(true, std::memory_order_release); }

void Controller::request_stop() noexcept {
  impl_->inbox.rearm.store(false, std::memory_order_release);
  impl_->inbox.stop.store(true, std::memory_order_release);
}

std::uint32_t Controller::swap(std::shared_ptr<const Bundle> bundle, std::shared_ptr<Planner> planner) {
  if (!bundle) throw Error("a controller needs a bundle");
  const std::lock_guard lock(impl_->mutex);
  impl_->inbox.collect();
  try {
    require_compatible(*impl_->accepted, *bundle);
    auto next = std::make_unique<Engine>(bundle, impl_->options, impl_->generation + 1);
    next->planner = std::move(planner);
    // One that the loop never took is replaced, and released here.
    delete impl_->inbox.engine.exchange(next.release(), std::memory_order_acq_rel);
  } catch (const Error&) {
    note_refused_swap();
    throw;
  }
  impl_->accepted = std::move(bundle);
  return ++impl_->generation;
}

void Controller::note_refused_swap() noexcept { impl_->inbox.refused_swaps.fetch_add(1, std::memory_order_relaxed); }

std::shared_ptr<const Bundle> Controller::bundle() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->accepted;
}

const ControllerOptions& Controller::options() const noexcept { return impl_->options; }

bool Controller::take_request(PlanRequest& request) noexcept { return impl_->requests.read(request); }
void Controller::post_plan(const Plan& plan) noexcept { impl_->inbox.plan.write(plan); }

void Controller::set_planner(std::shared_ptr<Planner> planner, std::int64_t budget_ns) {
  impl_->expect_plans = planner != nullptr;
  impl_->planner_budget_ns = budget_ns;
  impl_->engine->planner = std::move(planner);
}
void Controller::expect_plans(bool expected) noexcept { impl_->expect_plans = expected; }

void Controller::restore(std::span<const std::byte> keyframe) {
  SwapRecord identity;
  State state;
  if (keyframe.size() != sizeof identity + sizeof state)
    throw Error("this keyframe was recorded by another version of metaworld_rt; replay it with that version");
  std::memcpy(&identity, keyframe.data(), sizeof identity);
  std::memcpy(&state, keyframe.data() + sizeof identity, sizeof state);
  identity.digest[sizeof identity.digest - 1] = 0;
  if (impl_->engine->bundle->digest != identity.digest)
    throw Error(std::string("this keyframe was recorded with the bundle of digest ") + identity.digest +
                "; load that bundle");
  impl_->state = state;
  impl_->engine->generation = impl_->generation = identity.generation;
}

void Controller::set_recorder(RecordRing* ring) noexcept { impl_->recorder.attach(ring); }

}  // namespace metaworld_rt
