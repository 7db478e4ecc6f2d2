// The main path of a tick: decisions, hold and interpolation, limits, prev_action, determinism.
#include <cstring>

#include "check.hpp"
#include "control_rig.hpp"

using namespace metaworld_rt;
using toy::kMs;
using toy::Rig;

TEST_CASE("tick: the first command starts at the posture the robot is in and goes to the safe skill") {
  Rig rig;
  rig.set(ObservationKind::joint_pos, {0.3, 0.2, -0.3});
  rig.tick();
  CHECK(rig.command.mode == CommandMode::position);
  CHECK(rig.status.new_decision);
  CHECK_EQ(rig.command.q[0], rig.target(0, 0.0));
  CHECK_EQ(rig.command.kp[1], 90.0);
  CHECK_EQ(rig.command.kd[2], 3.0);
  CHECK_EQ(rig.command.q[3], 0.0);
  CHECK_EQ(rig.status.mixture[0], 1.0f);
  CHECK(rig.status.mode == Mode::running);
}

TEST_CASE("tick: decisions every 20 ticks, on the grid of the first, with half a tick of jitter") {
  Rig rig;
  rig.t += 123'456;
  const std::int64_t jitter[] = {0, 300'000, -300'000, 499'000, -499'000};
  const std::int64_t begun = rig.t;
  int decisions = 0;
  for (int i = 0; i < 1000; ++i) {
    rig.t = begun + i * kMs + (i == 0 ? 0 : jitter[i % 5]);
    rig.tick();
    CHECK_EQ(rig.status.new_decision, i % 20 == 0);
    decisions += rig.status.new_decision;
  }
  CHECK_EQ(decisions, 50);
  CHECK_EQ(rig.status.decision, 49u);
  CHECK_EQ(rig.status.tick, 999u);
}

TEST_CASE("tick: a host that ticks at the decision rate decides on every tick") {
  Rig rig;
  rig.period = 20 * kMs;
  for (int i = 0; i < 50; ++i) {
    rig.tick();
    CHECK(rig.status.new_decision);
  }
}

TEST_CASE("tick: after a gap the decisions come back to their grid, without catching up") {
  Rig rig;
  rig.ticks(5);
  rig.t += 50 * kMs;
  rig.tick();  // tick 55 of the grid: overdue
  CHECK(rig.status.new_decision);
  int next = 0;
  do {
    rig.tick();
    ++next;
  } while (!rig.status.new_decision);
  CHECK_EQ(next, 5);
}

TEST_CASE("tick: hold moves at once within the rate limit") {
  Bundle b = toy::bundle();
  b.limits.command_rate = {10, 50, 50};
  Rig rig(b);
  rig.ticks(20);
  rig.controller.post(toy::only(1));
  rig.ticks(400);  // weights slew: walk is fully in force
  CHECK_NEAR(rig.command.q[0], rig.target(0, 0.5), 1e-9);
  const double before = rig.command.q[2];
  CHECK_NEAR(before, rig.target(2, 0.25), 1e-9);

  Rig fast(b);
  fast.controller.post(toy::only(1));
  fast.tick();  // first decision: no slew. 0.25 rad at 10 rad/s, a decision's worth at the start
  CHECK_NEAR(fast.command.q[0], fast.target(0, 0.0) + 10 * 0.02, 1e-12);
  fast.tick();
  CHECK_NEAR(fast.command.q[0], fast.target(0, 0.0) + 10 * 0.021, 1e-12);
  CHECK_EQ(fast.rung(Rung::output_clamped), 2u);
  fast.ticks(18);
  CHECK_EQ(fast.command.q[0], fast.target(0, 0.5));
}

TEST_CASE("tick: interpolate goes linearly from the last target to the new one over a decision") {
  Bundle b = toy::bundle();
  b.interpolate = true;
  Rig rig(b);
  rig.controller.post(toy::only(1));
  rig.tick();
  CHECK_NEAR(rig.command.q[0], rig.target(0, 0.0), 1e-12);
  rig.ticks(10);
  CHECK_NEAR(rig.command.q[0], rig.target(0, 0.25), 1e-9);
  rig.ticks(10);
  CHECK_NEAR(rig.command.q[0], rig.target(0, 0.5), 1e-9);
}

TEST_CASE("tick: an action past [-1,1] is clamped, a target past a joint limit stays within it, uncounted") {
  Bundle b = toy::bundle();
  b.robot.upper[0] = 0.3;
  toy::expert(b, "far", {9.0f, 9.0f, 0.0f});
  Rig rig(b);
  rig.controller.post(toy::only(3));
  rig.ticks(20);
  CHECK_EQ(rig.status.action[0], 1.0f);
  CHECK_EQ(rig.command.q[0], 0.3);
  CHECK_NEAR(rig.command.q[1], rig.target(1, 1.0), 1e-12);
  CHECK_EQ(rig.rung(Rung::output_clamped), 0u);
  CHECK_EQ(rig.bad_commands, 0u);
}

TEST_CASE("tick: prev_action is what was applied last, and the phase runs with the commanded skill's period") {
  Bundle b = toy::empty_bundle();
  // Copies prev_action[0] + 0.25 into action 0, and the sine of the phase into action 1.
  std::vector<float> w(toy::kJoints * b.feature_size, 0.0f);
  std::uint32_t prev = 0, phase = 0;
  for (const Feature& f : b.features) {
    if (f.kind == FeatureKind::prev_action) prev = f.offset;
    if (f.kind == FeatureKind::phase) phase = f.offset;
  }
  w[prev] = 1.0f;
  w[b.feature_size + phase] = 1.0f;
  b.experts.push_back(
      {"count", "", "", toy::linear(b.feature_size, toy::kJoints, w, {0.25f, 0, 0}), 0.8, std::nullopt});
  Rig rig(b);
  const float expected[] = {0.25f, 0.5f, 0.75f, 1.0f, 1.0f};
  for (int k = 0; k < 5; ++k) {
    rig.ticks(20);
    CHECK_EQ(rig.status.action[0], expected[k]);
    // phase += dt / period before the features are read
    CHECK_NEAR(static_cast<double>(rig.status.action[1]), std::sin(2 * M_PI * 0.02 / 0.8 * (k + 1)), 1e-5);
    CHECK_NEAR(static_cast<double>(rig.status.phase), 0.025 * (k + 1), 1e-6);
  }
}

TEST_CASE("tick: the same calls give the same bits; reset() brings the beginning back") {
  const auto fly = [](Rig& rig) {
    std::vector<double> q;
    rig.t = 1000 * kMs;
    rig.observation = toy::observation(*rig.bundle_);
    for (int i = 0; i < 2000; ++i) {
      if (i == 300) rig.controller.post(toy::only(1, 1, 0.5f));
      if (i == 900) rig.controller.post(toy::only(2, 2, 0.5f));
      rig.observation[0] = std::sin(0.01 * i);
      rig.tick();
      q.insert(q.end(), rig.command.q.begin(), rig.command.q.begin() + 3);
    }
    return q;
  };
  Bundle b = toy::bundle();
  b.gate = toy::linear(b.feature_size, 3, std::vector<float>(3 * b.feature_size, 0.01f), {0.1f, 0.2f, 0.3f});
  Rig one(b), two(b);
  const auto a = fly(one), c = fly(two);
  CHECK(std::memcmp(a.data(), c.data(), a.size() * sizeof(double)) == 0);
  one.controller.reset();
  const auto again = fly(one);
  CHECK(std::memcmp(a.data(), again.data(), a.size() * sizeof(double)) == 0);
  CHECK_EQ(one.controller.statistics().ticks, 2000u);
}

TEST_CASE("tick: denormals are flushed inside and left alone outside") {
  Bundle b = toy::empty_bundle();
  std::vector<float> w(toy::kJoints * b.feature_size, 0.0f);
  w[0] = 1e-38f;  // times the height 0.98: a denormal
  b.experts.push_back({"tiny", "", "", toy::linear(b.feature_size, toy::kJoints, w, {0, 0, 0}), 0, std::nullopt});
  Rig rig(b);
  rig.tick();
  CHECK_EQ(rig.status.action[0], 0.0f);
  volatile float tiny = 1e-38f;
  CHECK(tiny * 0.5f != 0.0f);
}

TEST_CASE("tick: options that make no sense are refused") {
  ControllerOptions options;
  options.alpha = 1.5f;
  CHECK_THROWS((Controller{toy::share(toy::bundle()), options}), "alpha");
  CHECK_THROWS(Controller{nullptr}, "bundle");
}
