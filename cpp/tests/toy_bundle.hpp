// A bundle made in memory: a robot of three joints, whose experts are linear maps that a test can work out by hand.
#pragma once

#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "metaworld_rt/bundle.hpp"
#include "toy_onnx.hpp"

namespace toy {

namespace mw = metaworld_rt;

inline constexpr std::size_t kJoints = 3;

inline mw::Network linear(std::size_t in, std::size_t out, std::vector<float> weight, const std::vector<float>& bias) {
  weight.resize(in * out, 0.0f);
  return mw::Network::from_onnx(linear_onnx(in, out, weight, bias), "toy");
}

/// Adds an observation term, by default the size that its kind has.
inline void observe(mw::Bundle& b, mw::ObservationKind kind, std::uint32_t size) {
  b.observation.push_back({kind, mw::name(kind), size, b.observation_size});
  b.observation_size += size;
}
inline void feature(mw::Bundle& b, mw::FeatureKind kind, std::uint32_t size, float scale = 1.0f) {
  b.features.push_back({kind, mw::name(kind), size, b.feature_size, scale});
  b.feature_size += size;
}
/// An expert that always wants `action`.
inline void expert(mw::Bundle& b, const std::string& name, const std::vector<float>& action, double period = 0.0) {
  b.experts.push_back({name, "a toy", "", linear(b.feature_size, kJoints, {}, action), period, std::nullopt});
}

/// Robot, observation (the six terms, then a goal, a door and hands), every feature, limits; no expert yet.
inline mw::Bundle empty_bundle() {
  using O = mw::ObservationKind;
  using F = mw::FeatureKind;
  mw::Bundle b;
  b.name = "toy";
  b.version = "1";
  b.digest = std::string(64, 'a');
  b.robot.name = "toy";
  b.robot.joints = {"hip", "knee", "arm"};
  b.robot.default_pos = {0.1, 0.2, -0.3};
  b.robot.lower = {-1.0, -0.5, -2.0};
  b.robot.upper = {1.0, 2.0, 2.0};
  b.robot.stiffness = {100, 90, 80};
  b.robot.damping = {5, 4, 3};
  b.robot.max_force = {50, 50, 20};
  b.action_scale = {0.5, 0.5, 0.5};
  b.limits.command_rate = {50, 50, 50};
  b.limits.stop_damping = {8, 8, 2};
  observe(b, O::base_pos, 3);
  observe(b, O::base_quat, 4);
  observe(b, O::joint_pos, kJoints);
  observe(b, O::base_lin_vel, 3);
  observe(b, O::base_ang_vel, 3);
  observe(b, O::joint_vel, kJoints);
  observe(b, O::left_hand_pos, 3);
  observe(b, O::right_hand_pos, 3);
  observe(b, O::goal_pos, 3);
  observe(b, O::door, 4);
  observe(b, O::door_present, 1);
  feature(b, F::height, 1);
  feature(b, F::gravity, 3);
  feature(b, F::heading, 3);
  feature(b, F::lin_vel, 3);
  feature(b, F::ang_vel, 3);
  feature(b, F::joint_pos, kJoints);
  feature(b, F::joint_vel, kJoints, 0.1f);
  feature(b, F::prev_action, kJoints);
  feature(b, F::phase, 2);
  feature(b, F::speed, 1);
  feature(b, F::hand_to_goal, 3);
  feature(b, F::base_to_goal, 3);
  feature(b, F::base_xy, 2);
  feature(b, F::door, 4);
  feature(b, F::door_present, 1);
  feature(b, F::left_hand, 3);
  feature(b, F::right_hand, 3);
  return b;
}

/// stand, walk and wave, each with one constant action; no gate, no planner.
inline mw::Bundle bundle() {
  mw::Bundle b = empty_bundle();
  expert(b, "stand", {0, 0, 0});
  expert(b, "walk", {0.5f, -0.5f, 0.25f}, 0.5);
  expert(b, "wave", {0, 0, 1.0f});
  b.safe_skill = 0;
  return b;
}

inline std::shared_ptr<const mw::Bundle> share(mw::Bundle b) {
  return std::make_shared<const mw::Bundle>(std::move(b));
}

/// A standing robot at rest in its default posture; `wiggle` makes one sensor value differ, as real ones do.
inline std::vector<double> observation(const mw::Bundle& b, double wiggle = 0.0) {
  std::vector<double> o(b.observation_size, 0.0);
  o[2] = 0.98;
  o[3] = 1.0;
  for (std::size_t i = 0; i < kJoints; ++i)
    o[b.find(mw::ObservationKind::joint_pos)->offset + i] = b.robot.default_pos[i];
  o[b.find(mw::ObservationKind::base_ang_vel)->offset] = 1e-6 * wiggle;
  return o;
}

/// One stage, all of the weight on one skill.
inline mw::SkillCommand only(std::uint32_t skill, std::uint32_t id = 1, float alpha = 1.0f) {
  mw::SkillCommand c;
  c.id = id;
  c.stage_count = 1;
  c.stages[0].weights[skill] = 1.0f;
  c.stages[0].alpha = alpha;
  return c;
}

}  // namespace toy
