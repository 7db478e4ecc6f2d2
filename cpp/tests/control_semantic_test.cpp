// Skill commands: validation, stages, smooth weights, and what age does to trust.
#include <functional>

#include "check.hpp"
#include "control_rig.hpp"

using namespace metaworld_rt;
using toy::kMs;
using toy::Rig;

namespace {

Bundle gated() {
  Bundle b = toy::bundle();
  b.gate = toy::linear(b.feature_size, 3, {}, {-100, -100, 100});  // always: wave
  b.alpha = 0.75f;
  return b;
}

/// The third skill is ready where the pelvis is above 1 m, the others never.
Bundle handing_over(double wait_ms = 500) {
  Bundle b = toy::bundle();
  std::vector<float> weight(3 * b.feature_size, 0.0f);
  for (const Feature& f : b.features)
    if (f.kind == FeatureKind::height) weight[2 * b.feature_size + f.offset] = 1000.0f / f.scale;
  b.handover = Handover{toy::linear(b.feature_size, 3, weight, {-100, -100, -1000}), 0.9f, wait_ms};
  return b;
}

/// Told the second skill for long enough that it is alone, then the third.
void switch_skills(Rig& rig, double height) {
  rig.set(ObservationKind::base_pos, {0, 0, height});
  SkillCommand c = toy::only(1, 1);
  c.ttl_ns = INT64_MAX;
  rig.controller.post(c);
  rig.ticks(100);
  CHECK_EQ(rig.status.mixture[1], 1.0f);  // the first skill takes over at once: there is nobody to wait for
  c = toy::only(2, 2);
  c.ttl_ns = INT64_MAX;
  rig.controller.post(c);
}

SkillCommand two_stages(Until until, float threshold, std::uint32_t id = 5) {
  SkillCommand c = toy::only(1, id);
  c.ttl_ns = INT64_MAX;
  c.stages[0].until = until;
  c.stages[0].threshold = threshold;
  c.stages[1].weights[2] = 1.0f;
  c.stages[1].alpha = 1.0f;
  c.stage_count = 2;
  return c;
}

float heaviest_step(Rig& rig, int ticks) {
  float most = 0;
  auto before = rig.status.mixture;
  for (int i = 0; i < ticks; ++i) {
    rig.tick();
    for (std::size_t k = 0; k < 3; ++k) most = std::max(most, std::abs(rig.status.mixture[k] - before[k]));
    before = rig.status.mixture;
  }
  return most;
}

}  // namespace

TEST_CASE("semantic_rejected: what is not a command changes nothing") {
  const float nan = std::nanf("");
  const std::vector<std::function<void(SkillCommand&)>> faults = {
      [](SkillCommand& c) { c.stage_count = 0; },
      [](SkillCommand& c) { c.stage_count = 9; },
      [](SkillCommand& c) { c.stage_count = 4'000'000'000u; },
      [](SkillCommand& c) { c.ttl_ns = -1; },
      [&](SkillCommand& c) { c.stages[0].weights[1] = nan; },
      [](SkillCommand& c) { c.stages[0].weights[1] = -1.0f, c.stages[0].weights[2] = 2.0f; },
      [](SkillCommand& c) { c.stages[0].weights[0] = 1.0f; },  // sums to 2
      [](SkillCommand& c) { c.stages[0].weights[1] = 0.5f; },  // sums to 0.5
      [](SkillCommand& c) { c.stages[0].weights.fill(0); },
      [](SkillCommand& c) { c.stages[0].weights[1] = 0, c.stages[0].weights[3] = 1.0f; },  // there is no fourth skill
      [](SkillCommand& c) { c.stages[0].alpha = 1.5f; },
      [&](SkillCommand& c) { c.stages[0].alpha = nan; },
      [&](SkillCommand& c) { c.stages[0].goal.heading = nan; },
      [](SkillCommand& c) { c.stages[0].goal.speed = std::numeric_limits<float>::infinity(); },
      [&](SkillCommand& c) { c.stages[0].goal.target[2] = nan; },
      [&](SkillCommand& c) { c.stages[0].threshold = nan; },
      [](SkillCommand& c) { c.stages[0].timeout_s = -1.0f; },
      [](SkillCommand& c) { c.stages[0].until = static_cast<Until>(77); },
      [&](SkillCommand& c) { c.stage_count = 2, c.stages[1].weights[0] = nan; },
  };
  Rig rig;
  SkillCommand good = toy::only(1, 9);
  good.ttl_ns = INT64_MAX;
  rig.controller.post(good);
  rig.ticks(100);
  std::uint64_t refused = 0;
  for (const auto& fault : faults) {
    SkillCommand bad = toy::only(1, 10);
    fault(bad);
    rig.controller.post(bad);
    rig.ticks(20);
    CHECK_EQ(rig.rung(Rung::semantic_rejected), ++refused);
    CHECK_EQ(rig.status.command_id, 9u);
    CHECK_EQ(rig.status.mixture[1], 1.0f);
  }
  CHECK_EQ(rig.controller.statistics().commands, 1u);
  CHECK_EQ(rig.bad_commands, 0u);
}

TEST_CASE("semantic_rejected: a condition on what the observation lacks") {
  Bundle b = toy::bundle();
  const auto terms = b.observation;
  b.observation.clear();
  b.observation_size = 0;
  for (const ObservationTerm& t : terms)
    if (t.kind <= ObservationKind::joint_vel) toy::observe(b, t.kind, t.size);
  b.features.clear();
  b.feature_size = 0;
  b.experts.clear();
  toy::feature(b, FeatureKind::height, 1);
  for (const char* skill : {"a", "b", "c"}) toy::expert(b, skill, {0, 0, 0});
  Rig rig(b);
  std::uint64_t refused = 0;
  for (const Until until : {Until::door_hinge, Until::door_latch, Until::hand_to_goal, Until::base_to_goal}) {
    rig.controller.post(two_stages(until, 0.1f));
    rig.tick();
    CHECK_EQ(rig.rung(Rung::semantic_rejected), ++refused);
  }
  SkillCommand c = two_stages(Until::base_to_goal, 0.1f);
  c.stages[0].goal.has_target = true;
  rig.controller.post(c);
  rig.tick();
  CHECK_EQ(rig.rung(Rung::semantic_rejected), refused);
}

TEST_CASE("weights slew along the simplex, alpha with them; only the first decision may jump") {
  Rig rig;
  rig.controller.post(toy::only(1, 1));
  rig.tick();
  CHECK_EQ(rig.status.mixture[1], 1.0f);
  rig.controller.post(toy::only(2, 2));
  const float step = heaviest_step(rig, 239);
  CHECK(step <= 4.0f / 50 + 1e-5f);  // 4/s at 50 Hz
  CHECK(step > 0.07f);
  CHECK(rig.status.mixture[2] > 0.85f && rig.status.mixture[2] < 1.0f);
  rig.ticks(40);
  CHECK_EQ(rig.status.mixture[2], 1.0f);
}

TEST_CASE("alpha: the stage's, else the bundle's, or the override of the options") {
  Rig rig(gated());
  rig.controller.post(toy::only(1, 1, -1.0f));
  rig.tick();
  CHECK_NEAR(static_cast<double>(rig.status.mixture[1]), 0.75, 1e-6);
  CHECK_NEAR(static_cast<double>(rig.status.mixture[2]), 0.25, 1e-6);
  Rig stage(gated());
  stage.controller.post(toy::only(1, 1, 0.5f));
  stage.tick();
  CHECK_NEAR(static_cast<double>(stage.status.mixture[2]), 0.5, 1e-6);
  ControllerOptions options;
  options.alpha = 0.0f;
  Rig none(gated(), options);
  none.controller.post(toy::only(1, 1, 0.5f));
  none.tick();
  CHECK_EQ(none.status.mixture[2], 1.0f);
}

TEST_CASE("ablations: no-semantic is the gate alone, or the safe skill where there is none; no-gate is the command") {
  ControllerOptions no_semantic;
  no_semantic.use_semantic = false;
  Rig a(gated(), no_semantic);
  a.controller.post(toy::only(1));
  a.ticks(40);
  CHECK_EQ(a.status.mixture[2], 1.0f);
  Rig b(toy::bundle(), no_semantic);
  b.controller.post(toy::only(1));
  b.ticks(40);
  CHECK_EQ(b.status.mixture[0], 1.0f);
  ControllerOptions no_gate;
  no_gate.use_gate = false;
  Rig c(gated(), no_gate);
  c.controller.post(toy::only(1, 1, 0.1f));
  c.ticks(40);
  CHECK_EQ(c.status.mixture[1], 1.0f);
}

TEST_CASE("a gate with a condition hears the command in force, and nothing when nobody commands") {
  Bundle b = gated();
  b.gate_condition = 3;
  const std::size_t in = b.feature_size + 3;
  std::vector<float> weight(3 * in, 0.0f);
  weight[2 * in + b.feature_size + 1] = 100.0f;                 // told the second skill, it calls the third
  b.gate = toy::linear(in, 3, weight, {50.0f, -100.0f, 0.0f});  // told nothing, the first
  Rig told(b);
  told.controller.post(toy::only(1, 1, -1.0f));
  told.tick();
  CHECK_NEAR(static_cast<double>(told.status.mixture[1]), 0.75, 1e-6);
  CHECK_NEAR(static_cast<double>(told.status.mixture[2]), 0.25, 1e-6);
  ControllerOptions no_semantic;
  no_semantic.use_semantic = false;
  Rig alone(b, no_semantic);
  alone.controller.post(toy::only(1));
  alone.ticks(40);
  CHECK_EQ(alone.status.mixture[0], 1.0f);
}

TEST_CASE("without a trained gate alpha changes nothing: a uniform mixture of skills is not a skill") {
  Rig rig;
  rig.controller.post(toy::only(1, 1, 0.0f));
  rig.tick();
  CHECK_EQ(rig.status.mixture[1], 1.0f);
}

TEST_CASE("age: fresh, then fading to the gate alone, then to the safe skill; a new command recovers") {
  Rig rig(gated());
  SkillCommand c = toy::only(1, 1);
  c.ttl_ns = 1000 * kMs;
  rig.controller.post(c);
  rig.ticks(1001);
  CHECK_EQ(rig.status.mixture[1], 1.0f);
  CHECK_EQ(rig.rung(Rung::semantic_stale), 0u);
  rig.ticks(500);
  CHECK_NEAR(static_cast<double>(rig.status.alpha), 0.5, 0.03);
  CHECK_NEAR(static_cast<double>(rig.status.mixture[2]), 0.5, 0.03);
  CHECK_EQ(rig.rung(Rung::semantic_stale), 25u);
  rig.ticks(500);
  CHECK(rig.status.alpha < 0.03f);
  CHECK_EQ(rig.rung(Rung::semantic_safe), 0u);
  CHECK(heaviest_step(rig, 1100) < 0.1f);
  CHECK_EQ(rig.status.mixture[0], 1.0f);
  CHECK(rig.rung(Rung::semantic_safe) > 40);
  CHECK(rig.rung(Rung::semantic_stale) <= 50);
  CHECK(rig.status.mode == Mode::running);
  c.t_ns = rig.t;
  rig.controller.post(c);  // the same command again
  CHECK(heaviest_step(rig, 1000) < 0.1f);
  CHECK_EQ(rig.status.mixture[1], 1.0f);
}

TEST_CASE("age: without a gate the skill goes on until the safe skill takes over, smoothly") {
  Rig rig;
  SkillCommand c = toy::only(1, 1);
  c.ttl_ns = 100 * kMs;
  rig.controller.post(c);
  rig.ticks(1101);
  CHECK_EQ(rig.status.mixture[1], 1.0f);
  CHECK(rig.rung(Rung::semantic_stale) > 0);
  CHECK(heaviest_step(rig, 400) <= 0.0801f);
  CHECK_EQ(rig.status.mixture[0], 1.0f);
}

TEST_CASE("age: the bundle's TTL by default; an old stamp is old at once, a future one is not immortal") {
  Bundle b = toy::bundle();
  b.semantic_ttl_ms = 200;
  b.fade_ms = 100;
  Rig rig(b);
  rig.controller.post(toy::only(1));
  rig.ticks(201);
  CHECK_EQ(rig.rung(Rung::semantic_stale), 0u);
  rig.ticks(20);
  CHECK_EQ(rig.rung(Rung::semantic_stale), 1u);
  SkillCommand old = toy::only(1);
  old.t_ns = rig.t - 250 * kMs;
  rig.controller.post(old);
  rig.ticks(20);
  CHECK_EQ(rig.rung(Rung::semantic_stale), 2u);
  SkillCommand future = toy::only(1);
  future.t_ns = INT64_MAX;
  rig.controller.post(future);
  rig.ticks(320);
  CHECK(rig.rung(Rung::semantic_safe) > 0);
}

TEST_CASE("stages: each condition goes on when it is met, and not before") {
  struct Case {
    Until until;
    float threshold;
    std::function<void(Rig&)> almost, met;
  };
  using O = ObservationKind;
  const Case cases[] = {
      {Until::distance, 2.0f, [](Rig& r) { r.set(O::base_pos, {1.1, 1.6, 1}); },
       [](Rig& r) { r.set(O::base_pos, {1.3, 1.6, 1}); }},
      {Until::door_hinge, 0.6f, [](Rig& r) { r.set(O::door, {0.5, 9, 0, 0}); },
       [](Rig& r) { r.set(O::door, {0.6000001, 0, 0, 0}); }},
      {Until::door_latch, 0.6f, [](Rig& r) { r.set(O::door, {9, 0.5, 0, 0}); },
       [](Rig& r) { r.set(O::door, {0, 0.7, 0, 0}); }},
      {Until::hand_to_goal, 0.1f, [](Rig& r) { r.set(O::left_hand_pos, {1, 2, 3}), r.set(O::goal_pos, {1, 2, 3.2}); },
       [](Rig& r) { r.set(O::goal_pos, {1, 2, 3.05}); }},
      {Until::base_to_goal, 0.5f, [](Rig& r) { r.set(O::goal_pos, {1, 0, 0}); },
       [](Rig& r) { r.set(O::goal_pos, {0.4, 0, 9}); }},
      {Until::passed_x, 3.0f, [](Rig& r) { r.set(O::base_pos, {2.9, 0, 1}); },
       [](Rig& r) { r.set(O::base_pos, {3.1, 0, 1}); }},
  };
  for (const Case& c : cases) {
    Rig rig;
    rig.set(O::goal_pos, {9, 9, 9});
    rig.controller.post(two_stages(c.until, c.threshold));
    rig.ticks(100);
    c.almost(rig);
    rig.ticks(100);
    CHECK_EQ(rig.status.stage, 0u);
    CHECK(!rig.status.stages_done);
    c.met(rig);
    rig.ticks(20);
    CHECK_EQ(rig.status.stage, 1u);
    rig.ticks(400);
    CHECK_EQ(rig.status.mixture[2], 1.0f);
    CHECK(!rig.status.stages_done);  // the last stage never ends
  }
}

TEST_CASE("stages: elapsed, timeout, and upright for half a second without a break") {
  Rig rig;
  rig.controller.post(two_stages(Until::elapsed, 1.0f));
  rig.ticks(1000);
  CHECK_EQ(rig.status.stage, 0u);
  rig.ticks(20);
  CHECK_EQ(rig.status.stage, 1u);

  Rig timeout;
  SkillCommand c = two_stages(Until::passed_x, 100.0f);
  c.stages[0].timeout_s = 0.5f;
  timeout.controller.post(c);
  timeout.ticks(500);
  CHECK_EQ(timeout.status.stage, 0u);
  timeout.ticks(20);
  CHECK_EQ(timeout.status.stage, 1u);

  Rig upright;
  upright.controller.post(two_stages(Until::upright, 0.9f));
  upright.ticks(400);
  upright.set(ObservationKind::base_quat, {0.7, 0.714, 0, 0});  // on its side
  upright.ticks(20);
  upright.set(ObservationKind::base_quat, {1, 0, 0, 0});
  upright.ticks(500);
  CHECK_EQ(upright.status.stage, 0u);
  upright.ticks(40);
  CHECK_EQ(upright.status.stage, 1u);
}

TEST_CASE("stages: the last one reports that it is done, and stays in force") {
  Rig rig;
  SkillCommand c = toy::only(1);
  c.ttl_ns = INT64_MAX;
  c.stages[0].until = Until::elapsed;
  c.stages[0].threshold = 0.5f;
  rig.controller.post(c);
  rig.ticks(500);
  CHECK(!rig.status.stages_done);
  rig.ticks(20);
  CHECK(rig.status.stages_done);
  CHECK_EQ(rig.status.mixture[1], 1.0f);
}

TEST_CASE("stages: the same command refreshes its age and keeps its stage; a changed one starts over") {
  Rig rig;
  SkillCommand c = two_stages(Until::elapsed, 0.5f);
  c.ttl_ns = 800 * kMs;
  rig.controller.post(c);
  rig.ticks(700);
  CHECK_EQ(rig.status.stage, 1u);
  rig.controller.post(c);
  rig.ticks(20);
  CHECK_EQ(rig.status.stage, 1u);
  CHECK_EQ(rig.status.semantic_age_ns, 19 * kMs);
  c.stages[1].goal.speed = 1.0f;
  rig.controller.post(c);
  rig.ticks(20);
  CHECK_EQ(rig.status.stage, 0u);
  c.id = 6;
  rig.ticks(600);
  CHECK_EQ(rig.status.stage, 1u);
  rig.controller.post(c);
  rig.ticks(20);
  CHECK_EQ(rig.status.stage, 0u);
}

TEST_CASE("goals: the stage's heading and speed reach the features; left alone, the robot keeps its heading") {
  Bundle b = toy::empty_bundle();
  std::vector<float> w(toy::kJoints * b.feature_size, 0.0f);
  for (const Feature& f : b.features) {
    if (f.kind == FeatureKind::speed) w[f.offset] = 0.25f;
    if (f.kind == FeatureKind::heading) w[b.feature_size + f.offset + 1] = 1.0f;
  }
  b.experts.push_back({"copy", "", "", toy::linear(b.feature_size, toy::kJoints, w, {0, 0, 0}), 0, std::nullopt});
  Rig rig(b);
  SkillCommand c = toy::only(0);
  c.ttl_ns = 100 * kMs;
  c.stages[0].goal.speed = 2.0f;
  c.stages[0].goal.heading = 0.5f;
  rig.controller.post(c);
  rig.tick();
  CHECK_EQ(rig.status.action[0], 0.5f);
  CHECK_NEAR(static_cast<double>(rig.status.action[1]), std::sin(0.5), 1e-6);
  rig.ticks(1200);
  CHECK(rig.rung(Rung::semantic_safe) > 0);
  CHECK_EQ(rig.status.action[0], 0.0f);
  CHECK_NEAR(static_cast<double>(rig.status.action[1]), std::sin(0.5), 1e-6);
}

TEST_CASE("handover: a skill takes over when it is ready") {
  Rig rig(handing_over());
  switch_skills(rig, 0.9);
  rig.ticks(200);
  CHECK_EQ(rig.status.mixture[1], 1.0f);
  CHECK_EQ(rig.status.command_id, 2u);
  rig.set(ObservationKind::base_pos, {0, 0, 1.1});
  CHECK(heaviest_step(rig, 300) <= 0.0801f);
  CHECK(rig.status.mixture[2] > 0.9f);
  rig.set(ObservationKind::base_pos, {0, 0, 0.9});  // once begun, it goes on
  rig.ticks(100);
  CHECK_EQ(rig.status.mixture[2], 1.0f);
  CHECK_EQ(rig.rung(Rung::handover_unready), 0u);

  Rig ready(handing_over());
  switch_skills(ready, 1.1);
  ready.ticks(40);
  CHECK(ready.status.mixture[2] > 0.1f);
}

TEST_CASE("handover_unready: nobody waits longer than the bundle says, and it is counted") {
  Rig rig(handing_over());
  switch_skills(rig, 0.9);
  rig.ticks(500);
  CHECK_EQ(rig.status.mixture[1], 1.0f);
  CHECK_EQ(rig.rung(Rung::handover_unready), 0u);
  rig.ticks(400);
  CHECK_EQ(rig.status.mixture[2], 1.0f);
  CHECK_EQ(rig.rung(Rung::handover_unready), 1u);
}

TEST_CASE("handover: what is taken back is waited for no more; a new weight of the same skill does not wait") {
  Rig rig(handing_over());
  switch_skills(rig, 0.9);
  rig.ticks(400);
  SkillCommand c = toy::only(1, 3);
  c.ttl_ns = INT64_MAX;
  c.stages[0].weights = {0.4f, 0.6f};
  rig.controller.post(c);
  rig.ticks(200);
  CHECK_NEAR(static_cast<double>(rig.status.mixture[0]), 0.4, 1e-6);
  c = toy::only(2, 4);
  c.ttl_ns = INT64_MAX;
  rig.controller.post(c);
  rig.ticks(400);  // from the beginning
  CHECK_NEAR(static_cast<double>(rig.status.mixture[1]), 0.6, 1e-6);
  CHECK_EQ(rig.rung(Rung::handover_unready), 0u);
}

TEST_CASE("handover: the safe skill waits its time too; a clock that jumps does not lengthen or end the wait") {
  Rig rig(handing_over());
  rig.set(ObservationKind::base_pos, {0, 0, 0.9});
  SkillCommand c = toy::only(1, 1);
  c.ttl_ns = 100 * kMs;
  rig.controller.post(c);
  rig.ticks(1140);  // the time to live and the fading are over
  CHECK(rig.rung(Rung::semantic_safe) > 0);
  CHECK_EQ(rig.status.mixture[1], 1.0f);
  rig.t += 5000 * kMs;
  rig.ticks(200);
  CHECK_EQ(rig.status.mixture[1], 1.0f);
  rig.ticks(700);
  CHECK_EQ(rig.status.mixture[0], 1.0f);
  CHECK_EQ(rig.rung(Rung::handover_unready), 1u);
}

TEST_CASE("handover: without the gate, or told nonsense, a skill takes over at once") {
  ControllerOptions no_gate;
  no_gate.use_gate = false;
  Rig without(handing_over(), no_gate);
  switch_skills(without, 0.9);
  without.ticks(40);
  CHECK(without.status.mixture[2] > 0.1f);
  Bundle b = handing_over();
  b.handover->network = toy::linear(b.feature_size, 3, {}, {-100, -100, std::nanf("")});
  Rig nonsense(b);
  switch_skills(nonsense, 0.9);
  nonsense.ticks(40);
  CHECK(nonsense.status.mixture[2] > 0.1f);
  CHECK_EQ(nonsense.rung(Rung::handover_unready), 0u);
}
