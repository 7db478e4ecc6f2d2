#include "skills/features.hpp"

#include <cmath>

#include "check.hpp"
#include "toy_bundle.hpp"

using namespace metaworld_rt;
using skills::FeatureInputs;
using skills::FeatureTable;

namespace {

/// A robot turned by yaw, everything else at rest.
std::vector<double> turned(const Bundle& b, double yaw) {
  std::vector<double> o = toy::observation(b);
  o[3] = std::cos(yaw / 2);
  o[6] = std::sin(yaw / 2);
  return o;
}

struct Phi {
  std::vector<float> values;
  const Bundle& bundle;
  float at(FeatureKind kind, std::size_t i = 0) const {
    for (const Feature& f : bundle.features)
      if (f.kind == kind) return values[f.offset + i];
    return NAN;
  }
};

Phi compute(const Bundle& b, const std::vector<double>& o, const Goal& goal = {}, double phase = 0,
            std::vector<float> prev = {0, 0, 0}) {
  Phi phi{std::vector<float>(b.feature_size, NAN), b};
  FeatureTable(b).compute(FeatureInputs{o.data(), &goal, prev.data(), phase}, phi.values.data());
  return phi;
}

void set(const Bundle& b, std::vector<double>& o, ObservationKind kind, std::initializer_list<double> values) {
  std::copy(values.begin(), values.end(), o.begin() + b.find(kind)->offset);
}

}  // namespace

TEST_CASE("features: every term of the vocabulary, worked out by hand, for a robot turned by 90 degrees") {
  const Bundle b = toy::bundle();
  std::vector<double> o = turned(b, M_PI / 2);
  set(b, o, ObservationKind::base_pos, {1, 2, 0.9});
  set(b, o, ObservationKind::base_lin_vel, {0.5, 2.0, -0.25});
  set(b, o, ObservationKind::base_ang_vel, {0.1, 0.2, 0.3});
  set(b, o, ObservationKind::joint_pos, {0.2, 0.4, 0.6});
  set(b, o, ObservationKind::joint_vel, {1, 2, 3});
  set(b, o, ObservationKind::left_hand_pos, {1, 3, 1});
  set(b, o, ObservationKind::right_hand_pos, {2, 2, 1});
  set(b, o, ObservationKind::goal_pos, {4, 5, 2});
  set(b, o, ObservationKind::door, {0.4, 0.5, 0.6, 0.7});
  set(b, o, ObservationKind::door_present, {1});
  Goal goal;
  goal.heading = 0.5f;
  goal.speed = 1.5f;
  const Phi phi = compute(b, o, goal, 0.125, {0.1f, 0.2f, 0.3f});
  using F = FeatureKind;
  const auto expect = [&](F kind, std::initializer_list<double> values) {
    std::size_t i = 0;
    for (const double v : values) CHECK_NEAR(static_cast<double>(phi.at(kind, i++)), v, 1e-6);
  };
  // Turned by +90 degrees about z: base x is world y, base y is world -x.
  expect(F::height, {0.9});
  expect(F::gravity, {0, 0, -1});
  expect(F::heading, {std::sin(0.5), -std::cos(0.5), 0});
  expect(F::lin_vel, {2.0, -0.5, -0.25});
  expect(F::ang_vel, {0.1, 0.2, 0.3});
  expect(F::joint_pos, {0.1, 0.2, 0.9});
  expect(F::joint_vel, {0.1, 0.2, 0.3});  // scale 0.1
  expect(F::prev_action, {0.1, 0.2, 0.3});
  expect(F::phase, {std::sin(M_PI / 4), std::cos(M_PI / 4)});
  expect(F::speed, {1.5});
  expect(F::hand_to_goal, {2, -3, 1});
  expect(F::base_to_goal, {3, -3, 1.1});
  expect(F::base_xy, {1, 2});
  expect(F::door, {0.4, 0.5, 0.6, 0.7});
  expect(F::door_present, {1});
  expect(F::left_hand, {1, 0, 0.1});
  expect(F::right_hand, {0, -1, 0.1});
}

TEST_CASE("features: gravity of a robot that lies on its side") {
  const Bundle b = toy::bundle();
  std::vector<double> o = toy::observation(b);
  o[3] = o[4] = std::sqrt(0.5);  // rolled by +90 degrees about x: base y is up
  const Phi phi = compute(b, o);
  CHECK_NEAR(static_cast<double>(phi.at(FeatureKind::gravity, 1)), -1.0, 1e-6);
  CHECK_NEAR(static_cast<double>(phi.at(FeatureKind::gravity, 2)), 0.0, 1e-6);
}

TEST_CASE("features: a target in the goal overrides the observed goal") {
  const Bundle b = toy::bundle();
  std::vector<double> o = toy::observation(b);
  set(b, o, ObservationKind::goal_pos, {9, 9, 9});
  Goal goal;
  goal.has_target = true;
  goal.target = {1, 2, 3};
  const Phi phi = compute(b, o, goal);
  CHECK_NEAR(static_cast<double>(phi.at(FeatureKind::base_to_goal, 0)), 1.0, 1e-6);
  CHECK_NEAR(static_cast<double>(phi.at(FeatureKind::base_to_goal, 2)), 3.0 - 0.98, 1e-6);
}

TEST_CASE("features: what is far away saturates at 5 m in its direction") {
  const Bundle b = toy::bundle();
  std::vector<double> o = toy::observation(b);
  set(b, o, ObservationKind::base_pos, {-120, 3, 1});
  Goal goal;
  goal.has_target = true;
  goal.target = {-120, 43, 31};  // 40 m to the left, 30 m up
  const Phi phi = compute(b, o, goal);
  const auto expect = [&](FeatureKind kind, std::size_t i, double v) {
    CHECK_NEAR(static_cast<double>(phi.at(kind, i)), v, 1e-6);
  };
  expect(FeatureKind::base_to_goal, 0, 0.0);
  expect(FeatureKind::base_to_goal, 1, 4.0);
  expect(FeatureKind::base_to_goal, 2, 3.0);
  expect(FeatureKind::base_xy, 0, -5.0);
  expect(FeatureKind::base_xy, 1, 3.0);
}

TEST_CASE("features: a quaternion that is not quite a unit is normalised") {
  const Bundle b = toy::bundle();
  std::vector<double> o = turned(b, 0.7);
  const Phi unit = compute(b, o);
  for (int i = 3; i < 7; ++i) o[static_cast<std::size_t>(i)] *= 1.01;
  const Phi scaled = compute(b, o);
  CHECK_NEAR(static_cast<double>(unit.at(FeatureKind::heading, 1)),
             static_cast<double>(scaled.at(FeatureKind::heading, 1)), 1e-6);
}

TEST_CASE("features: without a goal the vector to it is zero; without a door the feature is refused by name") {
  Bundle b = toy::bundle();
  const auto drop = [&](ObservationKind kind) {
    Bundle less = b;
    less.observation.clear();
    less.observation_size = 0;
    for (const ObservationTerm& t : b.observation)
      if (t.kind != kind) toy::observe(less, t.kind, t.size);
    return less;
  };
  const Bundle no_goal = drop(ObservationKind::goal_pos);
  CHECK_EQ(compute(no_goal, toy::observation(no_goal)).at(FeatureKind::hand_to_goal, 1), 0.0f);
  const Bundle no_door = drop(ObservationKind::door);
  CHECK_THROWS(FeatureTable{no_door}, "feature \"door\" needs the observation term \"door\"");
  const Bundle no_quat = drop(ObservationKind::base_quat);
  CHECK_THROWS(FeatureTable{no_quat}, "base_quat");
}
