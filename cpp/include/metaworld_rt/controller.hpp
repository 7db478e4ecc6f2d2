// The controller: one call a tick turns an observation into a joint command, whatever the slow layers do.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>

#include "metaworld_rt/bundle.hpp"
#include "metaworld_rt/histogram.hpp"
#include "metaworld_rt/planner_slot.hpp"
#include "metaworld_rt/types.hpp"

namespace metaworld_rt {

class RecordRing;

struct ControllerOptions {
  float alpha = -1.0f;       ///< 0..1 replaces every alpha of bundle and stages; negative: leaves them
  bool use_semantic = true;  ///< false: skill commands are ignored, the gate alone decides (ablation "no-semantic")
  bool use_gate = true;      ///< false: as if the bundle had no gate (ablation "no-gate")
  bool planned_skills_only = true;  ///< false: plans for every skill, also those the planner is not for (ablations)
  bool sensor_checks = true;        ///< false: no age or freeze check of observations (a plant stepped in lockstep)
};

/// What the loop measured of the tick before; an input of the next tick, and part of the flight record.
struct TickTiming {
  std::uint32_t missed = 0;      ///< deadlines that passed since the tick before; 0: it was in time
  std::int64_t wakeup_ns = 0;    ///< how late the thread woke
  std::int64_t duration_ns = 0;  ///< of step()
};

/// Counters since construction or reset().
struct Statistics {
  std::uint64_t ticks = 0, decisions = 0;
  std::uint64_t commands = 0;        ///< skill commands taken (refused ones are counted in rungs)
  std::uint64_t plans = 0;           ///< plans received
  std::uint64_t plan_decisions = 0;  ///< decisions that followed a plan
  std::uint64_t iterations = 0;      ///< sum over the plans
  Histogram plan_age;                ///< where a decision took up a plan: that time - plan.t_ns
  Histogram plan_duration;           ///< as the planner measured it
  std::array<std::uint64_t, kRungs> rungs{};
};

/// Features, stages, gate, fusion, plan following, limits and the safety ladder (docs/architecture.md).
///
/// The host owns the loop and calls step(); RealtimeLoop does that for you on a thread of its own. Times are
/// nanoseconds on one monotonic clock that the host chooses; commands and plans are stamped on the same clock.
/// Networks decide at bundle.decision_hz, aligned to the first tick and tolerant of half a tick of jitter; between
/// decisions the target is held or interpolated. The same calls with the same values give the same bits.
///
/// Rung counters in Status: late_plan, stale_plan, semantic_stale, semantic_safe, output_rejected once a decision while
/// it lasts; output_clamped, observation_* once a tick while it lasts; the others once an event.
///
/// A plan from beside the tick comes some ms into its decision, and the expert mixture is followed until then. The rest
/// of the plan before is followed, in time, only where a decision has passed without a plan of its own (late_plan).
///
/// Before the first skill command, and after rearm(), the safe skill is in force.
class Controller {
 public:
  /// Allocates all it will ever need. Throws Error if the bundle's features need an observation term it does not have.
  explicit Controller(std::shared_ptr<const Bundle> bundle, const ControllerOptions& options = {});
  ~Controller();
  Controller(const Controller&) = delete;
  Controller& operator=(const Controller&) = delete;

  // --- the stepping thread: real-time safe (no malloc, lock, system call, exception) ---------------------------

  /// One tick at `t_ns`. `observation`: bundle.observation_size values in the order of bundle.observation (units in
  /// docs/bundle.md), measured at `observation_t_ns`. Always fills `command` and `status` with something safe to apply.
  void step(std::int64_t t_ns, std::int64_t observation_t_ns, std::span<const double> observation, Command& command,
            Status& status) noexcept;
  /// The same for an observation measured now.
  void step(std::int64_t t_ns, std::span<const double> observation, Command& command, Status& status) noexcept {
    step(t_ns, t_ns, observation, command, status);
  }
  /// Reports how the tick before went: a missed deadline counts, limits.missed_deadlines_stop of them in a row are a
  /// controlled stop at the next step. A host that never calls it has no such rung.
  void report(const TickTiming& timing) noexcept;
  /// Back to the state after construction (a new episode); bundle, planner and recorder stay. Clears statistics.
  void reset() noexcept;
  /// Counters. The stepping thread, or any other once that has stopped.
  const Statistics& statistics() const noexcept;
  /// The bundle in force. The stepping thread, or any other once that has stopped.
  const Bundle& active_bundle() const noexcept;

  // --- any thread ------------------------------------------------------------------------------------------------

  /// Posts a skill command; the newest wins, and it is in force from the next tick. weights[i] is for experts[i] of
  /// the bundle that is then in force. t_ns <= 0: stamped when taken. The same id with the same stages refreshes the
  /// age and keeps the progress through the stages; anything else starts at stage 0.
  /// A command that is not valid (docs/bundle.md: simplex to 1e-2, finite, sizes, terms the observation lacks) is
  /// refused by the tick: rung semantic_rejected, the one before stays. Takes a mutex that the tick never takes.
  void post(const SkillCommand& command);
  /// Ends a controlled stop at the next tick that has a valid observation. The safe skill is in force then. Wait-free.
  void rearm() noexcept;
  /// Controlled stop from the next tick on: a damping command until rearm(). Wait-free.
  void request_stop() noexcept;
  /// Puts `bundle` in force between two ticks. It must have the same robot name, joints, observation and rates, else
  /// throws Error, counts rung swap_refused and changes nothing. Carried over: gait phase, previous action and
  /// command, timers, and the skill command by expert name (weights of skills it lacks are dropped; if none is left
  /// the safe skill is in force). `planner` replaces the in-tick planner; null: none.
  /// Returns the generation that plan requests will carry. The old bundle is released by a later call on this side.
  std::uint32_t swap(std::shared_ptr<const Bundle> bundle, std::shared_ptr<Planner> planner = nullptr);
  /// Counts and records a bundle that was refused before it could be handed to swap() (load_bundle threw). Wait-free.
  void note_refused_swap() noexcept;
  /// The bundle accepted last (by the constructor or swap()). Takes the mutex of post().
  std::shared_ptr<const Bundle> bundle() const;
  /// As given to the constructor; a flight record keeps them.
  const ControllerOptions& options() const noexcept;

  // --- one planner thread: wait-free -----------------------------------------------------------------------------

  /// Takes the newest plan request, if there is one that was not taken. Written at every decision.
  bool take_request(PlanRequest& request) noexcept;
  /// Hands in a plan. In force from the next tick on, looked up by time: action[floor((t - plan.t_ns) / dt_ns)].
  void post_plan(const Plan& plan) noexcept;

  // --- before the first step, or while nobody steps --------------------------------------------------------------

  /// Plans inside the tick of every decision, for `budget_ns` at most; 0: no deadline, deterministic (lockstep).
  void set_planner(std::shared_ptr<Planner> planner, std::int64_t budget_ns = 0);
  /// Says that a planner thread is there, so that a missing plan counts as late_plan or stale_plan from the start.
  void expect_plans(bool expected) noexcept;
  /// Continues from a keyframe of the flight record (RecordType::keyframe) made by the same bundle and the same build.
  /// Throws Error if it is not such a keyframe.
  void restore(std::span<const std::byte> keyframe);
  /// Every tick and every input goes into `ring` (null: none). The ring must outlive the controller or be unset.
  void set_recorder(RecordRing* ring) noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace metaworld_rt
