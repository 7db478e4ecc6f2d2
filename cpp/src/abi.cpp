// The C interface over the C++ one: copies values, catches everything, keeps no state of its own but the error text.
#include <algorithm>
#include <cstddef>
#include <cstring>
#include <exception>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <string>

#include "metaworld_rt.h"
#include "metaworld_rt/bundle.hpp"
#include "metaworld_rt/controller.hpp"
#include "metaworld_rt/planner.hpp"
#include "metaworld_rt/planner_thread.hpp"

namespace mw = metaworld_rt;

static_assert(MWRT_MAX_JOINTS == mw::kMaxJoints && MWRT_MAX_SKILLS == mw::kMaxSkills &&
              MWRT_MAX_STAGES == mw::kMaxStages && MWRT_RUNGS == mw::kRungs && MWRT_RUNGS <= MWRT_MAX_RUNGS);

struct mwrt_bundle {
  std::shared_ptr<const mw::Bundle> value;
};

struct mwrt_controller {
  mwrt_controller(std::shared_ptr<const mw::Bundle> bundle, const mw::ControllerOptions& options)
      : value(std::move(bundle), options) {}
  mw::Controller value;
  mw::Command command{};
  mw::Status status{};
  std::mutex swap_mutex;
  std::optional<mwrt_planner_options> planning;
  std::unique_ptr<mw::PlannerThread> planner;  // uses `value`: destroyed first
};

namespace {

thread_local char error_text[512] = "";

mwrt_result fail(mwrt_result code, const char* text) noexcept {
  std::strncpy(error_text, text, sizeof error_text - 1);
  error_text[sizeof error_text - 1] = '\0';
  return code;
}

/// Runs `body`; what it throws becomes a result and a text.
template <class F>
mwrt_result guarded(F&& body) noexcept {
  try {
    body();
    return MWRT_OK;
  } catch (const mw::Error& e) {
    return fail(MWRT_REFUSED, e.what());
  } catch (const std::bad_alloc&) {
    return fail(MWRT_OUT_OF_MEMORY, "out of memory");
  } catch (const std::exception& e) {
    return fail(MWRT_INTERNAL, e.what());
  } catch (...) {
    return fail(MWRT_INTERNAL, "unknown failure");
  }
}

mwrt_result invalid(const char* text) noexcept { return fail(MWRT_INVALID_ARGUMENT, text); }

/// An older host may know fewer fields, never fewer than `least`; a newer one may know more, which are left alone.
template <class T>
bool known(const T* object, std::size_t least) noexcept {
  return object != nullptr && object->struct_size >= least;
}

/// Copies as much of `value` as the caller has room for.
template <class T>
void give(T* out, T value) noexcept {
  const std::uint32_t room = out->struct_size;
  value.struct_size = room;
  std::memcpy(out, &value, std::min<std::size_t>(room, sizeof value));
}

/// Reads as much of the caller's struct as it has; the rest stays `value`.
template <class T>
T take(const T* in, T value) noexcept {
  std::memcpy(&value, in, std::min<std::size_t>(in->struct_size, sizeof value));
  return value;
}

// The sizes of version 1: what every host has at least.
constexpr std::size_t kInfo1 = sizeof(mwrt_bundle_info), kJoint1 = sizeof(mwrt_joint), kTerm1 = sizeof(mwrt_term),
                      kSkill1 = sizeof(mwrt_skill), kOptions1 = sizeof(mwrt_options),
                      kPlanner1 = sizeof(mwrt_planner_options), kCommand1 = sizeof(mwrt_command),
                      kStatus1 = offsetof(mwrt_status, frozen_joint), kStatistics1 = sizeof(mwrt_statistics),
                      kSkillCommand1 = sizeof(mwrt_skill_command);
constexpr const char* kSize = "struct_size is not set: use MWRT_INIT";

std::shared_ptr<mw::Planner> make_planner(std::shared_ptr<const mw::Bundle> bundle, const mwrt_planner_options& o) {
  mw::PlannerOptions options;
  options.threads = std::max<std::uint32_t>(1, o.threads);
  options.seed = o.seed;
  return std::make_shared<mw::MppiPlanner>(std::move(bundle), options);
}

std::int64_t budget_ns(const mw::Bundle& bundle, const mwrt_planner_options& o) {
  const double ms = o.budget_ms == 0.0 && bundle.planner ? bundle.planner->deadline_ms : o.budget_ms;
  return ms > 0.0 ? static_cast<std::int64_t>(std::min(ms, 1e6) * 1e6) : 0;
}

mw::SkillCommand to_command(const mwrt_skill_command& in) noexcept {
  mw::SkillCommand out;
  out.t_ns = in.t_ns;
  out.ttl_ns = in.ttl_ns;
  out.id = in.id;
  out.stage_count = in.stage_count;
  for (std::size_t i = 0; i < MWRT_MAX_STAGES; ++i) {
    const mwrt_stage& from = in.stages[i];
    mw::Stage& to = out.stages[i];
    std::copy(std::begin(from.weights), std::end(from.weights), to.weights.begin());
    to.alpha = from.alpha;
    to.goal.heading = from.heading;
    to.goal.speed = from.speed;
    std::copy(std::begin(from.target), std::end(from.target), to.goal.target.begin());
    to.goal.has_target = from.has_target != 0;
    // What is not a condition must stay none when it is narrowed: the tick refuses it.
    to.until = static_cast<mw::Until>(std::min<std::uint32_t>(from.until, 255));
    to.threshold = from.threshold;
    to.timeout_s = from.timeout_s;
  }
  return out;
}

void give_command(const mw::Command& in, mwrt_command* out) noexcept {
  out->mode = static_cast<std::uint32_t>(in.mode);
  out->t_ns = in.t_ns;
  std::copy(in.q.begin(), in.q.end(), out->q);
  std::copy(in.kp.begin(), in.kp.end(), out->kp);
  std::copy(in.kd.begin(), in.kd.end(), out->kd);
}

void give_status(const mw::Status& in, mwrt_status* out) noexcept {
  mwrt_status s{};
  s.mode = static_cast<std::uint32_t>(in.mode);
  s.t_ns = in.t_ns;
  s.tick = in.tick;
  s.decision = in.decision;
  s.new_decision = in.new_decision;
  s.plan_used = in.plan_used;
  s.command_id = in.command_id;
  s.stage = in.stage;
  s.stages_done = in.stages_done;
  s.generation = in.generation;
  s.plan_age_ns = in.plan_age_ns;
  s.semantic_age_ns = in.semantic_age_ns;
  s.alpha = in.alpha;
  s.phase = in.phase;
  std::copy(in.mixture.begin(), in.mixture.end(), s.mixture);
  std::copy(in.action.begin(), in.action.end(), s.action);
  std::copy(in.rungs.begin(), in.rungs.end(), s.rungs);
  s.frozen_joint = in.frozen_joint;
  give(out, s);
}

}  // namespace

extern "C" {

uint32_t mwrt_abi_version(void) { return MWRT_ABI_VERSION; }
const char* mwrt_version(void) { return MWRT_VERSION; }
const char* mwrt_last_error(void) { return error_text; }

mwrt_result mwrt_bundle_load(const char* path, mwrt_bundle** out) {
  if (!path || !out) return invalid("mwrt_bundle_load: path and out must not be NULL");
  *out = nullptr;
  return guarded([&] { *out = new mwrt_bundle{mw::load_bundle(path)}; });
}

mwrt_result mwrt_bundle_load_memory(const void* bytes, size_t size, const char* name, mwrt_bundle** out) {
  if (!bytes || !out) return invalid("mwrt_bundle_load_memory: bytes and out must not be NULL");
  *out = nullptr;
  return guarded([&] {
    *out =
        new mwrt_bundle{mw::load_bundle_memory({static_cast<const std::byte*>(bytes), size}, name ? name : "bundle")};
  });
}

void mwrt_bundle_release(mwrt_bundle* bundle) { delete bundle; }

mwrt_result mwrt_bundle_get_info(const mwrt_bundle* bundle, mwrt_bundle_info* out) {
  if (!bundle) return invalid("mwrt_bundle_get_info: bundle must not be NULL");
  if (!known(out, kInfo1)) return invalid(kSize);
  const mw::Bundle& b = *bundle->value;
  mwrt_bundle_info info{};
  info.joints = static_cast<uint32_t>(b.robot.size());
  info.skills = static_cast<uint32_t>(b.experts.size());
  info.observation_terms = static_cast<uint32_t>(b.observation.size());
  info.observation_size = b.observation_size;
  info.safe_skill = b.safe_skill;
  info.tick_hz = b.tick_hz;
  info.decision_hz = b.decision_hz;
  info.has_gate = b.gate.has_value();
  info.has_handover = b.handover.has_value();
  info.has_planner = b.planner.has_value();
  info.name = b.name.c_str();
  info.version = b.version.c_str();
  info.licence = b.licence.c_str();
  info.digest = b.digest.c_str();
  info.robot = b.robot.name.c_str();
  give(out, info);
  return MWRT_OK;
}

mwrt_result mwrt_bundle_get_joint(const mwrt_bundle* bundle, uint32_t index, mwrt_joint* out) {
  if (!bundle || index >= bundle->value->robot.size()) return invalid("mwrt_bundle_get_joint: no such joint");
  if (!known(out, kJoint1)) return invalid(kSize);
  const mw::Robot& r = bundle->value->robot;
  mwrt_joint joint{};
  joint.name = r.joints[index].c_str();
  joint.default_pos = r.default_pos[index];
  joint.lower = r.lower[index];
  joint.upper = r.upper[index];
  joint.stiffness = r.stiffness[index];
  joint.damping = r.damping[index];
  joint.max_force = r.max_force[index];
  joint.command_rate = bundle->value->limits.command_rate[index];
  give(out, joint);
  return MWRT_OK;
}

mwrt_result mwrt_bundle_get_term(const mwrt_bundle* bundle, uint32_t index, mwrt_term* out) {
  if (!bundle || index >= bundle->value->observation.size()) return invalid("mwrt_bundle_get_term: no such term");
  if (!known(out, kTerm1)) return invalid(kSize);
  const mw::ObservationTerm& t = bundle->value->observation[index];
  mwrt_term term{};
  term.offset = t.offset;
  term.size = t.size;
  term.name = t.name.c_str();
  give(out, term);
  return MWRT_OK;
}

mwrt_result mwrt_bundle_get_skill(const mwrt_bundle* bundle, uint32_t index, mwrt_skill* out) {
  if (!bundle || index >= bundle->value->experts.size()) return invalid("mwrt_bundle_get_skill: no such skill");
  if (!known(out, kSkill1)) return invalid(kSize);
  mwrt_skill skill{};
  skill.name = bundle->value->experts[index].name.c_str();
  skill.description = bundle->value->experts[index].description.c_str();
  give(out, skill);
  return MWRT_OK;
}

int32_t mwrt_bundle_find_skill(const mwrt_bundle* bundle, const char* name) {
  if (!bundle || !name) return -1;
  const auto& experts = bundle->value->experts;
  for (std::size_t i = 0; i < experts.size(); ++i)
    if (experts[i].name == name) return static_cast<int32_t>(i);
  return -1;
}

mwrt_result mwrt_controller_create(const mwrt_bundle* bundle, const mwrt_options* options, mwrt_controller** out) {
  if (!bundle || !out) return invalid("mwrt_controller_create: bundle and out must not be NULL");
  if (options && !known(options, kOptions1)) return invalid(kSize);
  *out = nullptr;
  mwrt_options o{};
  o.alpha = -1.0f;
  if (options) o = take(options, o);
  return guarded([&] {
    mw::ControllerOptions to;
    to.alpha = o.alpha;
    to.use_semantic = o.no_semantic == 0;
    to.use_gate = o.no_gate == 0;
    to.sensor_checks = o.lockstep == 0;
    *out = new mwrt_controller(bundle->value, to);
  });
}

void mwrt_controller_destroy(mwrt_controller* controller) { delete controller; }

mwrt_result mwrt_controller_start_planner(mwrt_controller* c, const mwrt_planner_options* options) {
  if (!c) return invalid("mwrt_controller_start_planner: controller must not be NULL");
  if (!known(options, kPlanner1)) return invalid(kSize);
  return guarded([&] {
    const std::lock_guard lock(c->swap_mutex);
    if (c->planning) throw mw::Error("the planner was started before");
    const mwrt_planner_options o = take(options, mwrt_planner_options{});
    const auto bundle = c->value.bundle();
    auto planner = make_planner(bundle, o);
    if (o.in_tick) {
      c->value.set_planner(std::move(planner), budget_ns(*bundle, o));
    } else {
      mw::PlannerThreadOptions to;
      to.thread.cpu = o.cpu;
      to.thread.priority = std::clamp(o.priority, 0, 98);
      to.budget_ns = budget_ns(*bundle, o);
      c->planner = std::make_unique<mw::PlannerThread>(c->value, std::move(planner), to);
      c->planner->start();
    }
    c->planning = o;
  });
}

const char* mwrt_rung_name(uint32_t rung) {
  return mw::name(rung < mw::kRungs ? static_cast<mw::Rung>(rung) : mw::Rung::count);
}

mwrt_result mwrt_controller_step(mwrt_controller* c, int64_t t_ns, int64_t observation_t_ns, const double* observation,
                                 size_t size, mwrt_command* command, mwrt_status* status) {
  if (!c || !known(command, kCommand1) || (status && !known(status, kStatus1))) return MWRT_INVALID_ARGUMENT;
  c->value.step(t_ns, observation_t_ns, {observation, observation ? size : 0}, c->command, c->status);
  give_command(c->command, command);
  if (status) give_status(c->status, status);
  return observation ? MWRT_OK : MWRT_INVALID_ARGUMENT;
}

mwrt_result mwrt_controller_report(mwrt_controller* c, uint32_t missed, int64_t wakeup_ns, int64_t duration_ns) {
  if (!c) return MWRT_INVALID_ARGUMENT;
  c->value.report({missed, wakeup_ns, duration_ns});
  return MWRT_OK;
}

mwrt_result mwrt_controller_reset(mwrt_controller* c) {
  if (!c) return MWRT_INVALID_ARGUMENT;
  c->value.reset();
  return MWRT_OK;
}

mwrt_result mwrt_controller_get_statistics(const mwrt_controller* c, mwrt_statistics* out) {
  if (!c || !known(out, kStatistics1)) return MWRT_INVALID_ARGUMENT;
  const mw::Statistics& s = c->value.statistics();
  mwrt_statistics to{};
  to.ticks = s.ticks;
  to.decisions = s.decisions;
  to.commands = s.commands;
  to.plans = s.plans;
  to.plan_decisions = s.plan_decisions;
  to.plan_iterations = s.iterations;
  to.plan_age_p50_ns = s.plan_age.quantile(0.5);
  to.plan_age_p99_ns = s.plan_age.quantile(0.99);
  to.plan_age_max_ns = s.plan_age.max();
  to.plan_duration_p50_ns = s.plan_duration.quantile(0.5);
  to.plan_duration_p99_ns = s.plan_duration.quantile(0.99);
  to.plan_duration_max_ns = s.plan_duration.max();
  give(out, to);
  return MWRT_OK;
}

mwrt_result mwrt_controller_post(mwrt_controller* c, const mwrt_skill_command* command) {
  if (!c) return invalid("mwrt_controller_post: controller must not be NULL");
  if (!known(command, kSkillCommand1)) return invalid(kSize);
  return guarded([&] { c->value.post(to_command(*command)); });
}

mwrt_result mwrt_controller_post_skill(mwrt_controller* c, const char* skill, double ttl_s) {
  if (!c || !skill) return invalid("mwrt_controller_post_skill: controller and skill must not be NULL");
  if (!(ttl_s >= 0.0)) return invalid("mwrt_controller_post_skill: ttl_s must be 0 or more");
  return guarded([&] {
    const auto bundle = c->value.bundle();
    mw::SkillCommand command;
    std::size_t i = 0;
    while (i < bundle->experts.size() && bundle->experts[i].name != skill) ++i;
    if (i == bundle->experts.size())
      throw mw::Error("bundle " + bundle->name + " has no skill \"" + std::string(skill).substr(0, 64) + "\"");
    command.stage_count = 1;
    command.stages[0].weights[i] = 1.0f;
    command.ttl_ns = static_cast<std::int64_t>(std::min(ttl_s, 1e9) * 1e9);
    c->value.post(command);
  });
}

mwrt_result mwrt_controller_stop(mwrt_controller* c) {
  if (!c) return MWRT_INVALID_ARGUMENT;
  c->value.request_stop();
  return MWRT_OK;
}

mwrt_result mwrt_controller_rearm(mwrt_controller* c) {
  if (!c) return MWRT_INVALID_ARGUMENT;
  c->value.rearm();
  return MWRT_OK;
}

mwrt_result mwrt_controller_swap(mwrt_controller* c, const mwrt_bundle* bundle, uint32_t* generation) {
  if (!c || !bundle) return invalid("mwrt_controller_swap: controller and bundle must not be NULL");
  return guarded([&] {
    const std::lock_guard lock(c->swap_mutex);
    std::shared_ptr<mw::Planner> planner;
    if (c->planning && bundle->value->planner) planner = make_planner(bundle->value, *c->planning);
    const bool in_tick = c->planning && c->planning->in_tick;
    const std::uint32_t g = c->value.swap(bundle->value, in_tick ? planner : nullptr);
    if (c->planner && planner) c->planner->set_planner(std::move(planner), g);
    if (generation) *generation = g;
  });
}

}  // extern "C"
