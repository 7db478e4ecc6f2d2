// Plain values that cross threads: commands, plans, status. Fixed size, trivially copyable, no pointers.
// Units: SI, radians, nanoseconds on one monotonic clock that the host chooses.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace metaworld_rt {

inline constexpr std::size_t kMaxJoints = 64;
inline constexpr std::size_t kMaxSkills = 32;
inline constexpr std::size_t kMaxStages = 8;
inline constexpr std::size_t kMaxHorizon = 16;
inline constexpr std::size_t kMaxFeatures = 512;
inline constexpr std::size_t kMaxObservation = 512;

/// What a skill should aim at. A field that a skill does not read is ignored.
struct Goal {
  float heading = 0.0f;  ///< world yaw to face and move along, rad
  float speed = 0.0f;    ///< m/s along the heading; 0 lets the skill choose
  std::array<float, 3> target{0, 0,
                              0};  ///< world position for a hand, m (overrides the observation's goal if has_target)
  bool has_target = false;
};

/// When a stage is done. `threshold` is in the unit that is named.
enum class Until : std::uint8_t {
  never = 0,
  elapsed,       ///< s since the stage began
  distance,      ///< m travelled horizontally since the stage began
  door_hinge,    ///< hinge angle >= threshold, rad
  door_latch,    ///< latch angle >= threshold, rad
  hand_to_goal,  ///< left hand within threshold of the goal, m
  base_to_goal,  ///< base horizontally within threshold of the goal, m
  passed_x,      ///< base x >= threshold, world, m
  upright,       ///< base up-axis z >= threshold for 0.5 s
};

/// One step of a skill plan: weights on the simplex over the bundle's experts, and when to go on.
struct Stage {
  std::array<float, kMaxSkills> weights{};
  float alpha = -1.0f;  ///< trust in these weights against the gate, 0..1; negative: the bundle's value
  Goal goal{};
  Until until = Until::never;
  float threshold = 0.0f;
  float timeout_s = 0.0f;  ///< go on after this long whatever the condition says; 0 = no timeout
};

/// What the semantic layer asks for. Newest wins. Stale after t_ns + ttl_ns (see control/age policy).
struct SkillCommand {
  std::int64_t t_ns = 0;
  std::int64_t ttl_ns = 0;  ///< 0: the bundle's semantic_ttl_ms
  std::uint32_t id = 0;
  std::uint32_t stage_count = 0;
  std::array<Stage, kMaxStages> stages{};
};

/// What the planner needs of one decision (written by the controller, read by the planner).
struct PlanRequest {
  std::int64_t t_ns = 0;                      ///< the time the first action is for
  std::uint64_t decision = 0;                 ///< decision counter; seeds the noise
  std::uint32_t generation = 0;               ///< which bundle it is for: 0 the first, +1 a swap
  std::array<float, kMaxFeatures> phi{};      ///< features, see docs/bundle.md
  std::array<float, kMaxSkills> condition{};  ///< c, the commanded weights
  std::array<float, kMaxSkills> mixture{};    ///< fused weights w~ over the experts
  std::array<float, kMaxJoints> reference{};  ///< a_ref at t = 0: the exact expert mixture
};

/// H actions, the first valid from t_ns, each for dt_ns.
struct Plan {
  std::int64_t t_ns = 0;
  std::int64_t dt_ns = 0;
  std::uint64_t decision = 0;
  std::uint32_t generation = 0;  ///< of the request; a plan for another bundle is not used
  std::uint32_t horizon = 0;
  std::uint32_t iterations = 0;  ///< completed MPPI iterations
  std::uint32_t samples = 0;     ///< trajectories evaluated in all
  bool finite = false;           ///< false: nothing in here may be used
  bool deadline_hit = false;
  float value = 0.0f;  ///< best elite's value
  std::int64_t duration_ns = 0;
  std::array<std::array<float, kMaxJoints>, kMaxHorizon> action{};  ///< mean, normalised [-1,1]
  std::array<std::array<float, kMaxJoints>, kMaxHorizon> std{};
};

/// How a plant must read a Command.
enum class CommandMode : std::uint8_t {
  position = 0,  ///< tau = kp (q - q_now) - kd qd_now, clamped to max_force
  damping = 1,   ///< tau = -kd qd_now: the controlled stop
};

/// One command to the joints, in bundle joint order; entries past the joint count are 0.
struct Command {
  std::int64_t t_ns = 0;
  CommandMode mode = CommandMode::position;
  std::array<double, kMaxJoints> q{};   ///< position target, rad
  std::array<double, kMaxJoints> kp{};  ///< N m/rad
  std::array<double, kMaxJoints> kd{};  ///< N m s/rad
};

/// The safety ladder. Each has a counter in Status and an event in the flight record.
enum class Rung : std::uint8_t {
  late_plan = 0,        ///< no plan came for the decision before: the last one is followed in time
  stale_plan,           ///< the plan is too old or unusable: expert mixture instead
  semantic_stale,       ///< skill command older than its TTL: blending to the gate alone
  semantic_safe,        ///< faded out: the safe skill
  semantic_rejected,    ///< a skill command with bad weights or sizes was refused
  output_clamped,       ///< a target was further off than a tick may step
  output_rejected,      ///< a non-finite action: previous command at bounded rate
  observation_invalid,  ///< non-finite observation: hold
  observation_frozen,   ///< observation did not change for too long: hold, then stop
  observation_late,     ///< newest observation too old: hold, then stop
  clock_jump,           ///< time went backwards or jumped: held, timers restarted
  deadline_missed,      ///< a tick ended after the next was due
  controlled_stop,      ///< damping command from here on, until re-armed
  swap_refused,         ///< a new bundle failed validation or self-test
  joint_frozen,         ///< one joint's encoder sticks while it should move: hold, then stop
  handover_unready,     ///< a skill was waited for as long as the bundle allows, and took over although not ready
  count
};
inline constexpr std::size_t kRungs = static_cast<std::size_t>(Rung::count);

/// Lower-case name of a rung as used in JSON ("late_plan", ...). Static storage, rt-safe.
const char* name(Rung rung) noexcept;

enum class Mode : std::uint8_t {
  running = 0,
  holding,  ///< last command held; recovers by itself
  stopped,  ///< controlled stop; rearm() to leave
};

/// What one tick did. Written by Controller::step.
struct Status {
  std::int64_t t_ns = 0;
  std::uint64_t tick = 0;
  std::uint64_t decision = 0;
  Mode mode = Mode::running;
  bool new_decision = false;
  bool plan_used = false;        ///< false: expert mixture, also until the decision's plan has come
  bool stages_done = false;      ///< the condition of the command's last stage has been met
  std::uint32_t command_id = 0;  ///< id of the skill command in force
  std::uint32_t stage = 0;
  std::uint32_t generation = 0;    ///< which bundle is in force: 0 the first, +1 a swap
  std::int32_t frozen_joint = -1;  ///< whose encoder sticks (joint_frozen); -1: none
  std::int64_t plan_age_ns = 0;
  std::int64_t semantic_age_ns = 0;
  float alpha = 0.0f;
  float phase = 0.0f;                         ///< gait phase, cycles in [0,1)
  std::array<float, kMaxSkills> mixture{};    ///< fused weights w~
  std::array<float, kMaxJoints> reference{};  ///< a_ref
  std::array<float, kMaxJoints> action{};     ///< normalised action of this decision
  std::array<std::uint64_t, kRungs> rungs{};  ///< counters since construction
};

static_assert(std::is_trivially_copyable_v<SkillCommand> && std::is_trivially_copyable_v<Plan> &&
              std::is_trivially_copyable_v<PlanRequest> && std::is_trivially_copyable_v<Command> &&
              std::is_trivially_copyable_v<Status>);

}  // namespace metaworld_rt
