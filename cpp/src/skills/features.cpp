#include "skills/features.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>

namespace metaworld_rt::skills {
namespace {

using Context = FeatureTable::Context;

/// m: what lies further away is told as so far in its direction, so that no network sees what grows without bound.
constexpr double kFar = 5.0;

const double* term(const Context& c, ObservationKind kind) noexcept {
  return c.layout->find(kind, c.inputs->observation);
}

/// out = R^T (x, y, z): a world vector in the base frame.
void to_base(const Context& c, double x, double y, double z, double* out) noexcept {
  const auto& r = c.rotation;
  out[0] = r[0] * x + r[3] * y + r[6] * z;
  out[1] = r[1] * x + r[4] * y + r[7] * z;
  out[2] = r[2] * x + r[5] * y + r[8] * z;
}

void difference_to_base(const Context& c, const double* to, const double* from, double* out) noexcept {
  if (to == nullptr) {
    out[0] = out[1] = out[2] = 0.0;
    return;
  }
  to_base(c, to[0] - from[0], to[1] - from[1], to[2] - from[2], out);
}

void goal_in_base(const Context& c, const double* from, double* out) noexcept {
  difference_to_base(c, c.goal_pos, from, out);
  const double length = std::hypot(out[0], out[1], out[2]);
  for (int i = 0; i < 3; ++i) out[i] *= kFar / std::max(kFar, length);
}

void height(const Context& c, double* out) noexcept { out[0] = c.base_pos[2]; }
void gravity(const Context& c, double* out) noexcept { to_base(c, 0, 0, -1, out); }
void heading(const Context& c, double* out) noexcept {
  const double psi = c.inputs->goal->heading;
  to_base(c, std::cos(psi), std::sin(psi), 0, out);
}
void lin_vel(const Context& c, double* out) noexcept {
  const double* v = term(c, ObservationKind::base_lin_vel);
  to_base(c, v[0], v[1], v[2], out);
}
void ang_vel(const Context& c, double* out) noexcept { std::copy_n(term(c, ObservationKind::base_ang_vel), 3, out); }
void joint_pos(const Context& c, double* out) noexcept {
  const double* q = term(c, ObservationKind::joint_pos);
  for (std::size_t i = 0; i < c.joints; ++i) out[i] = q[i] - c.default_pos[i];
}
void joint_vel(const Context& c, double* out) noexcept {
  std::copy_n(term(c, ObservationKind::joint_vel), c.joints, out);
}
void prev_action(const Context& c, double* out) noexcept {
  for (std::size_t i = 0; i < c.joints; ++i) out[i] = static_cast<double>(c.inputs->prev_action[i]);
}
void phase(const Context& c, double* out) noexcept {
  const double angle = 2.0 * std::numbers::pi * c.inputs->phase;
  out[0] = std::sin(angle);
  out[1] = std::cos(angle);
}
void speed(const Context& c, double* out) noexcept { out[0] = static_cast<double>(c.inputs->goal->speed); }
void hand_to_goal(const Context& c, double* out) noexcept {
  goal_in_base(c, term(c, ObservationKind::left_hand_pos), out);
}
void base_to_goal(const Context& c, double* out) noexcept { goal_in_base(c, c.base_pos, out); }
void base_xy(const Context& c, double* out) noexcept {
  for (int i = 0; i < 2; ++i) out[i] = std::clamp(c.base_pos[i], -kFar, kFar);
}
void door(const Context& c, double* out) noexcept { std::copy_n(term(c, ObservationKind::door), 4, out); }
void door_present(const Context& c, double* out) noexcept { out[0] = *term(c, ObservationKind::door_present); }
void left_hand(const Context& c, double* out) noexcept {
  difference_to_base(c, term(c, ObservationKind::left_hand_pos), c.base_pos, out);
}
void right_hand(const Context& c, double* out) noexcept {
  difference_to_base(c, term(c, ObservationKind::right_hand_pos), c.base_pos, out);
}

struct Entry {
  FeatureTable::Term term;
  ObservationKind needs;  ///< besides base_pos and base_quat
};

/// In the order of FeatureKind.
constexpr Entry kTerms[] = {
    {height, ObservationKind::base_pos},
    {gravity, ObservationKind::base_quat},
    {heading, ObservationKind::base_quat},
    {lin_vel, ObservationKind::base_lin_vel},
    {ang_vel, ObservationKind::base_ang_vel},
    {joint_pos, ObservationKind::joint_pos},
    {joint_vel, ObservationKind::joint_vel},
    {prev_action, ObservationKind::base_pos},
    {phase, ObservationKind::base_pos},
    {speed, ObservationKind::base_pos},
    {hand_to_goal, ObservationKind::left_hand_pos},
    {base_to_goal, ObservationKind::base_pos},
    {base_xy, ObservationKind::base_pos},
    {door, ObservationKind::door},
    {door_present, ObservationKind::door_present},
    {left_hand, ObservationKind::left_hand_pos},
    {right_hand, ObservationKind::right_hand_pos},
};
static_assert(std::size(kTerms) == static_cast<std::size_t>(FeatureKind::count));

}  // namespace

ObservationLayout::ObservationLayout(const Bundle& bundle) {
  offset_.fill(-1);
  for (const ObservationTerm& t : bundle.observation)
    offset_[static_cast<std::size_t>(t.kind)] = static_cast<std::int32_t>(t.offset);
}

std::array<double, 9> rotation_of(const double* quat) noexcept {
  const double norm = std::sqrt(quat[0] * quat[0] + quat[1] * quat[1] + quat[2] * quat[2] + quat[3] * quat[3]);
  const double s = norm > 0 ? 1.0 / norm : 0.0;
  const double w = quat[0] * s, x = quat[1] * s, y = quat[2] * s, z = quat[3] * s;
  return {1 - 2 * (y * y + z * z), 2 * (x * y - w * z),     2 * (x * z + w * y),
          2 * (x * y + w * z),     1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
          2 * (x * z - w * y),     2 * (y * z + w * x),     1 - 2 * (x * x + y * y)};
}

FeatureTable::FeatureTable(const Bundle& bundle)
    : layout_(bundle), default_pos_(bundle.robot.default_pos), size_(bundle.feature_size) {
  for (const ObservationKind kind :
       {ObservationKind::base_pos, ObservationKind::base_quat, ObservationKind::joint_pos,
        ObservationKind::base_lin_vel, ObservationKind::base_ang_vel, ObservationKind::joint_vel})
    if (bundle.find(kind) == nullptr)
      throw Error("bundle " + bundle.name + ": the observation needs the term \"" + name(kind) + "\"");
  for (const Feature& f : bundle.features) {
    const Entry& entry = kTerms[static_cast<std::size_t>(f.kind)];
    if (bundle.find(entry.needs) == nullptr)
      throw Error("bundle " + bundle.name + ": feature \"" + f.name + "\" needs the observation term \"" +
                  name(entry.needs) + "\"; add it to \"observation\" or drop the feature");
    rows_.push_back({entry.term, f.offset, f.size, static_cast<double>(f.scale)});
  }
}

void FeatureTable::compute(const FeatureInputs& inputs, float* phi) const noexcept {
  Context c{};
  c.inputs = &inputs;
  c.layout = &layout_;
  c.default_pos = default_pos_.data();
  c.joints = default_pos_.size();
  c.rotation = rotation_of(layout_.find(ObservationKind::base_quat, inputs.observation));
  c.base_pos = layout_.find(ObservationKind::base_pos, inputs.observation);
  c.goal_pos = layout_.find(ObservationKind::goal_pos, inputs.observation);
  double target[3];
  if (inputs.goal->has_target) {
    std::copy_n(inputs.goal->target.data(), 3, target);
    c.goal_pos = target;
  }
  double value[kMaxJoints];
  for (const Row& row : rows_) {
    row.term(c, value);
    for (std::uint32_t i = 0; i < row.size; ++i) phi[row.offset + i] = static_cast<float>(value[i] * row.scale);
  }
}

}  // namespace metaworld_rt::skills
