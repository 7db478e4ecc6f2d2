// The safety ladder, rung by rung: what the robot gets, and what the counters say.
#include <cstring>

#include "check.hpp"
#include "control_rig.hpp"

using namespace metaworld_rt;
using toy::kMs;
using toy::kNan;
using toy::Rig;

namespace {

/// A rig that walks: 200 ticks with the walking skill in force.
struct Walking : Rig {
  explicit Walking(Bundle b = toy::bundle(), const ControllerOptions& o = {}) : Rig(std::move(b), o) {
    SkillCommand c = toy::only(1);
    c.ttl_ns = INT64_MAX;
    controller.post(c);
    ticks(200);
  }
  bool holds(const Command& before) const { return command.q == before.q && command.mode == CommandMode::position; }
};

}  // namespace

TEST_CASE("observation_invalid: NaN, infinity, a wrong size or no quaternion is held, then goes on") {
  for (int kind = 0; kind < 4; ++kind) {
    Walking rig;
    const std::vector<double> good = rig.observation;
    const Command before = rig.command;
    if (kind == 0) rig.observation[8] = kNan;
    if (kind == 1) rig.observation[1] = std::numeric_limits<double>::infinity();
    if (kind == 2) rig.observation.pop_back();
    if (kind == 3) rig.set(ObservationKind::base_quat, {0, 0, 0, 0});
    for (int i = 0; i < 30; ++i) {
      rig.tick();
      CHECK(rig.holds(before));
      CHECK(rig.status.mode == Mode::holding);
      CHECK(!rig.status.new_decision);
    }
    CHECK_EQ(rig.rung(Rung::observation_invalid), 30u);
    rig.observation = good;
    rig.ticks(50);
    CHECK(rig.status.mode == Mode::running);
    CHECK_EQ(rig.rung(Rung::observation_invalid), 30u);
    CHECK_EQ(rig.rung(Rung::controlled_stop), 0u);
    CHECK_EQ(rig.bad_commands, 0u);
  }
}

TEST_CASE("observation_invalid: before there is anything to hold, the command is damping") {
  Rig rig;
  rig.observation[0] = kNan;
  rig.tick();
  CHECK(rig.command.mode == CommandMode::damping);
  CHECK_EQ(rig.command.kp[0], 0.0);
  CHECK_EQ(rig.command.kd[0], 8.0);
  CHECK(rig.status.mode == Mode::holding);
  rig.observation[0] = 0;
  rig.tick();
  CHECK(rig.command.mode == CommandMode::position);
}

TEST_CASE("controlled_stop: an observation held for longer than its limit; rearm() needs a good one") {
  Walking rig;
  rig.observation[8] = kNan;
  rig.ticks(61);
  CHECK(rig.status.mode == Mode::holding);
  rig.tick();
  CHECK(rig.status.mode == Mode::stopped);
  CHECK(rig.command.mode == CommandMode::damping);
  for (std::size_t i = 0; i < toy::kJoints; ++i) {
    CHECK_EQ(rig.command.kp[i], 0.0);
    CHECK_EQ(rig.command.kd[i], rig.bundle_->limits.stop_damping[i]);
  }
  rig.controller.rearm();
  rig.ticks(10);
  CHECK(rig.status.mode == Mode::stopped);  // still no observation
  rig.observation = toy::observation(*rig.bundle_, 5);
  rig.tick();
  CHECK(rig.status.mode == Mode::running);  // the request was kept
  CHECK_EQ(rig.status.mixture[0], 1.0f);    // the safe skill, not the walk of before
  CHECK_EQ(rig.status.phase, 0.0f);
  CHECK_EQ(rig.rung(Rung::controlled_stop), 1u);
  rig.ticks(100);
  CHECK(rig.status.mode == Mode::running);
}

TEST_CASE("controlled_stop: on request; a good observation alone does not end it; a rearm() before it does not count") {
  Walking rig;
  rig.controller.rearm();
  rig.controller.request_stop();
  rig.ticks(300);
  CHECK(rig.status.mode == Mode::stopped);
  CHECK_EQ(rig.rung(Rung::controlled_stop), 1u);
  rig.controller.request_stop();
  rig.controller.rearm();
  rig.tick();
  CHECK(rig.status.mode == Mode::stopped);  // asked for in the same tick: stopping wins
  rig.controller.rearm();
  rig.tick();
  CHECK(rig.status.mode == Mode::running);
}

TEST_CASE("observation_frozen: identical sensors are held after 100 ms, then stop; a moving goal is no sensor") {
  Walking rig;
  rig.wiggle = false;
  for (int i = 0; i < 100; ++i) {
    rig.observation[rig.bundle_->find(ObservationKind::goal_pos)->offset] += 0.01;
    rig.tick();
  }
  CHECK(rig.status.mode == Mode::running);
  rig.tick();
  CHECK(rig.status.mode == Mode::holding);
  CHECK_EQ(rig.rung(Rung::observation_frozen), 1u);
  rig.ticks(60);
  CHECK(rig.status.mode == Mode::holding);
  rig.tick();
  CHECK(rig.status.mode == Mode::stopped);

  Walking again;
  again.wiggle = false;
  again.ticks(120);
  again.wiggle = true;
  again.tick();
  CHECK(again.status.mode == Mode::running);
}

TEST_CASE("joint_frozen: one encoder that sticks while the command moves is held, then stopped, and named") {
  Walking rig;
  rig.encoders = false;
  const auto others = [&] { rig.jitter(0), rig.jitter(2); };
  for (int i = 0; i < 500; ++i) others(), rig.tick();
  CHECK(rig.status.mode == Mode::running);  // nothing was asked of it
  CHECK_EQ(rig.status.frozen_joint, -1);
  SkillCommand c = toy::only(0, 2);
  c.ttl_ns = INT64_MAX;
  rig.controller.post(c);
  int until_held = 0;
  for (; until_held < 2000 && rig.status.mode == Mode::running; ++until_held) others(), rig.tick();
  CHECK(rig.status.mode == Mode::holding);
  CHECK(until_held > 100 && until_held < 400);  // the weights slew, then observation_frozen_ms
  CHECK_EQ(rig.rung(Rung::joint_frozen), 1u);
  CHECK_EQ(rig.rung(Rung::observation_frozen), 0u);
  CHECK_EQ(rig.status.frozen_joint, 1);
  for (int i = 0; i < 61; ++i) others(), rig.tick();
  CHECK(rig.status.mode == Mode::stopped);
  CHECK_EQ(rig.rung(Rung::controlled_stop), 1u);
  rig.controller.rearm();
  for (int i = 0; i < 50; ++i) others(), rig.tick();
  CHECK(rig.status.mode == Mode::stopped);  // it still sticks
  rig.encoders = true;
  rig.tick();
  CHECK(rig.status.mode == Mode::running);
  CHECK_EQ(rig.status.frozen_joint, -1);
  CHECK_EQ(rig.bad_commands, 0u);
}

TEST_CASE("joint_frozen: a measured speed that the position does not follow") {
  Walking rig;
  rig.encoders = false;
  double& speed = rig.observation[rig.bundle_->find(ObservationKind::joint_vel)->offset + 2];
  speed = 0.4;
  rig.ticks(2000);
  CHECK_EQ(rig.rung(Rung::joint_frozen), 0u);
  speed = -0.6;
  rig.ticks(100);
  CHECK_EQ(rig.rung(Rung::joint_frozen), 0u);
  rig.tick();
  CHECK_EQ(rig.rung(Rung::joint_frozen), 1u);
  CHECK_EQ(rig.status.frozen_joint, 2);
}

TEST_CASE("joint_frozen: standing still never trips it, nor slow encoders, nor an outage of all sensors") {
  Walking still;  // a simulator without noise: only the inertial unit has news
  still.encoders = false;
  still.ticks(20'000);
  CHECK(still.status.mode == Mode::running);
  CHECK_EQ(still.rung(Rung::joint_frozen), 0u);

  Bundle small = toy::bundle();  // the command moves, but not by what friction holds
  toy::expert(small, "sway", {0.58f, -0.42f, 0.29f}, 0.5);
  Walking swaying(small);
  swaying.encoders = false;
  for (std::uint32_t i = 0; i < 20; ++i) {
    SkillCommand c = toy::only(i % 2 ? 1 : 3, i + 2);
    c.ttl_ns = INT64_MAX;
    swaying.controller.post(c);
    swaying.ticks(500);
  }
  CHECK_EQ(swaying.rung(Rung::joint_frozen), 0u);

  Walking slow;  // encoders at 20 Hz, base at 1 kHz, and the command goes to and fro
  slow.encoders = false;
  for (std::uint32_t i = 0; i < 5000; ++i) {
    if (i % 500 == 0) {
      SkillCommand c = toy::only(i / 500 % 2, i + 2);
      c.ttl_ns = INT64_MAX;
      slow.controller.post(c);
    }
    if (i % 50 == 0)
      for (std::size_t j = 0; j < toy::kJoints; ++j) slow.jitter(j);
    slow.tick();
  }
  CHECK_EQ(slow.rung(Rung::joint_frozen), 0u);

  Walking dark;  // 90 ms without any news, again and again, on a joint that is said to move
  dark.set(ObservationKind::joint_vel, {1.0, 1.0, 1.0});
  for (int i = 0; i < 20; ++i) {
    dark.wiggle = false;
    dark.ticks(90);
    dark.wiggle = true;
    dark.tick();
  }
  CHECK_EQ(dark.rung(Rung::joint_frozen), 0u);
  CHECK_EQ(dark.rung(Rung::observation_frozen), 0u);
}

TEST_CASE("joint_frozen: a plant in lockstep is not checked") {
  ControllerOptions options;
  options.sensor_checks = false;
  Walking rig(toy::bundle(), options);
  rig.encoders = false;
  rig.set(ObservationKind::joint_vel, {1.0, 1.0, 1.0});
  rig.ticks(1000);
  CHECK(rig.status.mode == Mode::running);
}

TEST_CASE("observation_late: up to the limit it is used, beyond it is held, then stops") {
  Walking rig;
  rig.delay = 60 * kMs;
  rig.ticks(200);
  CHECK(rig.status.mode == Mode::running);
  CHECK_EQ(rig.rung(Rung::observation_late), 0u);
  rig.delay = 61 * kMs;
  rig.ticks(61);
  CHECK(rig.status.mode == Mode::holding);
  CHECK_EQ(rig.rung(Rung::observation_late), 61u);
  rig.tick();
  CHECK(rig.status.mode == Mode::stopped);
}

TEST_CASE("sensor checks can be left out for a plant in lockstep; NaN is still held, for as long as it lasts") {
  ControllerOptions options;
  options.sensor_checks = false;
  Walking rig(toy::bundle(), options);
  rig.wiggle = false;
  rig.delay = 500 * kMs;
  rig.ticks(1000);
  CHECK(rig.status.mode == Mode::running);
  rig.observation[0] = kNan;
  rig.ticks(1000);
  CHECK(rig.status.mode == Mode::holding);
}

TEST_CASE("clock_jump: +-1 s holds one tick, then everything goes on, and no age jumps with it") {
  for (const std::int64_t jump : {1000 * kMs, -1000 * kMs}) {
    Walking rig;
    SkillCommand c = toy::only(1);
    c.ttl_ns = 500 * kMs;
    rig.controller.post(c);
    rig.ticks(110);
    const Command before = rig.command;
    rig.t += jump;
    rig.tick();
    CHECK(rig.holds(before));
    CHECK(rig.status.mode == Mode::holding);
    CHECK_EQ(rig.rung(Rung::clock_jump), 1u);
    int decisions = 0;
    for (int i = 0; i < 100; ++i) {
      rig.tick();
      decisions += rig.status.new_decision;
      CHECK(rig.status.mode == Mode::running);
    }
    CHECK_EQ(decisions, 5);
    CHECK_EQ(rig.status.semantic_age_ns, 210 * kMs);
    CHECK_EQ(rig.rung(Rung::semantic_stale), 0u);
    CHECK_EQ(rig.rung(Rung::clock_jump), 1u);
  }
}

TEST_CASE("deadline_missed: counted; 20 in a row are a controlled stop, 19 are not; a good tick clears the row") {
  Walking rig;
  TickTiming missed;
  missed.missed = 1;
  for (int i = 0; i < 19; ++i) {
    rig.controller.report(missed);
    rig.tick();
  }
  CHECK(rig.status.mode == Mode::running);
  CHECK_EQ(rig.rung(Rung::deadline_missed), 19u);
  rig.controller.report({});
  rig.tick();
  for (int i = 0; i < 19; ++i) {
    rig.controller.report(missed);
    rig.tick();
  }
  CHECK(rig.status.mode == Mode::running);
  rig.controller.report(missed);
  rig.tick();
  CHECK(rig.status.mode == Mode::stopped);

  Walking starved;
  missed.missed = 50;
  starved.controller.report(missed);
  starved.tick();
  CHECK(starved.status.mode == Mode::stopped);
  CHECK_EQ(starved.rung(Rung::deadline_missed), 50u);
}

TEST_CASE("output_rejected: a non-finite action leaves the last one; the robot goes on when it is over") {
  Bundle b = toy::bundle();
  toy::expert(b, "broken", {0.1f, static_cast<float>(kNan), 0.1f});
  Walking rig(b);
  SkillCommand c = toy::only(3, 2);
  c.ttl_ns = INT64_MAX;
  rig.controller.post(c);
  rig.ticks(20);
  const Command before = rig.command;
  rig.ticks(400);
  CHECK_EQ(rig.command.q[1], before.q[1]);
  CHECK(rig.rung(Rung::output_rejected) >= 20);
  CHECK(std::isfinite(rig.status.action[1]));
  rig.controller.post(toy::only(2, 3));
  rig.ticks(600);
  CHECK_NEAR(rig.command.q[2], rig.target(2, 1.0), 1e-9);
  CHECK_EQ(rig.bad_commands, 0u);
}

TEST_CASE("rungs have names for the JSON") {
  CHECK_EQ(std::string(name(Rung::late_plan)), "late_plan");
  CHECK_EQ(std::string(name(Rung::swap_refused)), "swap_refused");
  CHECK_EQ(std::string(name(Rung::joint_frozen)), "joint_frozen");
  CHECK_EQ(std::string(name(Rung::handover_unready)), "handover_unready");
  CHECK_EQ(std::string(name(Rung::observation_late)), "observation_late");
  CHECK_EQ(std::string(name(Rung::controlled_stop)), "controlled_stop");
}
