// Plans: followed in time, judged by age, never believed blindly.
#include "check.hpp"
#include "control_rig.hpp"

using namespace metaworld_rt;
using toy::ConstantPlanner;
using toy::kMs;
using toy::Rig;

namespace {

/// A planner thread's part, by hand: takes the request of this tick, if any, and answers `late_ms` later.
struct Answerer {
  ConstantPlanner planner{0.2f};
  int late_ms = 5;
  bool dead = false;
  Plan pending{};
  std::int64_t due = -1;
  void after_tick(Rig& rig) {
    PlanRequest request;
    if (rig.controller.take_request(request) && !dead) {
      planner.plan(request, 0, pending);
      due = rig.t + late_ms * kMs;
    }
    if (due >= 0 && rig.t >= due) {
      rig.controller.post_plan(pending);
      due = -1;
    }
  }
};

void fly(Rig& rig, Answerer& planner, int ticks) {
  for (int i = 0; i < ticks; ++i) {
    rig.tick();
    planner.after_tick(rig);
  }
}

}  // namespace

TEST_CASE("plan: in the tick, its first action is the action of the decision") {
  Rig rig;
  const auto planner = std::make_shared<ConstantPlanner>(0.25f);
  rig.controller.set_planner(planner);
  rig.ticks(100);
  CHECK_EQ(planner->calls, 5);
  CHECK_EQ(rig.status.action[1], 0.25f);
  CHECK(rig.status.plan_used);
  CHECK_NEAR(rig.command.q[1], rig.target(1, 0.25), 1e-12);
  CHECK_EQ(rig.controller.statistics().plans, 5u);
  CHECK_EQ(rig.controller.statistics().plan_decisions, 5u);
  CHECK_EQ(rig.controller.statistics().iterations, 10u);
  CHECK_EQ(rig.rung(Rung::late_plan) + rig.rung(Rung::stale_plan), 0u);
  // The request says what the decision saw.
  CHECK_EQ(planner->last.decision, 4u);
  CHECK_EQ(planner->last.t_ns, rig.t - 20 * kMs);
  CHECK_EQ(planner->last.phi[0], 0.98f);
  CHECK_EQ(planner->last.condition[0], 1.0f);
  CHECK_EQ(planner->last.mixture[0], 1.0f);
  CHECK_EQ(planner->last.reference[2], 0.0f);
  rig.controller.reset();
  CHECK_EQ(planner->resets, 1);
}

TEST_CASE("plan: beside the tick, used as soon as it is there; the mixture until then") {
  Rig rig;
  Answerer planner;
  rig.controller.expect_plans(true);
  fly(rig, planner, 6);
  CHECK_EQ(rig.status.action[0], 0.0f);  // the mixture, until the plan is there
  CHECK(!rig.status.plan_used);
  fly(rig, planner, 1);
  CHECK_EQ(rig.status.action[0], 0.2f);  // step 0 of the plan for this decision
  CHECK(rig.status.plan_used);
  CHECK(!rig.status.new_decision);
  fly(rig, planner, 14);  // the next decision, whose plan is under way
  CHECK_EQ(rig.status.action[0], 0.0f);
  CHECK(!rig.status.plan_used);
  CHECK_EQ(rig.status.plan_age_ns, 20 * kMs);
  fly(rig, planner, 6);
  CHECK_EQ(rig.status.action[0], 0.2f);
  fly(rig, planner, 1000);
  CHECK_EQ(rig.rung(Rung::late_plan) + rig.rung(Rung::stale_plan), 0u);
  CHECK_EQ(rig.controller.statistics().plan_decisions, rig.controller.statistics().decisions);
  CHECK_EQ(rig.controller.statistics().plan_age.max(), 6 * kMs);  // 5 ms late, taken up by the tick after
}

TEST_CASE("late_plan: the last plan is followed in time; stale_plan: then the mixture; both once a decision") {
  Rig rig;
  Answerer planner;
  planner.planner.horizon = 5;
  fly(rig, planner, 200);
  CHECK_EQ(rig.status.action[0], 0.2f);
  planner.dead = true;
  const std::uint64_t late0 = rig.rung(Rung::late_plan);
  // Plan of decision 9 (t = 180 ms): decision 10 awaits its own, 11..13 have steps 2..4 of it.
  fly(rig, planner, 20);
  CHECK_EQ(rig.status.action[0], 0.0f);
  CHECK_EQ(rig.rung(Rung::late_plan), late0);
  for (int k = 2; k <= 4; ++k) {
    fly(rig, planner, 20);
    CHECK_NEAR(static_cast<double>(rig.status.action[0]), 0.2 + 0.01 * k, 1e-6);
    CHECK(rig.status.plan_used);
  }
  CHECK_EQ(rig.rung(Rung::late_plan) - late0, 3u);
  CHECK_EQ(rig.rung(Rung::stale_plan), 0u);
  fly(rig, planner, 100);
  CHECK_EQ(rig.status.action[0], 0.0f);
  CHECK(!rig.status.plan_used);
  CHECK_EQ(rig.rung(Rung::stale_plan), 5u);
  CHECK(rig.status.mode == Mode::running);
  planner.dead = false;
  fly(rig, planner, 40);
  CHECK(rig.status.plan_used);
}

TEST_CASE("stale_plan: a plan past its age limit is not followed, however long it is") {
  Bundle b = toy::bundle();
  b.limits.plan_max_age_ms = 100;
  Rig rig(b);
  Answerer planner;
  planner.planner.horizon = 16;
  fly(rig, planner, 10);
  CHECK(rig.status.plan_used);
  planner.dead = true;
  fly(rig, planner, 91);  // decisions at 20..100 ms follow it
  CHECK(rig.status.plan_used);
  CHECK_EQ(rig.rung(Rung::stale_plan), 0u);
  fly(rig, planner, 20);
  CHECK(!rig.status.plan_used);
  CHECK_EQ(rig.rung(Rung::stale_plan), 1u);
}

TEST_CASE("stale_plan: a planner that never answers is counted from the second decision on") {
  Rig rig;
  rig.controller.expect_plans(true);
  rig.ticks(100);
  CHECK_EQ(rig.rung(Rung::stale_plan), 4u);
  Rig alone;
  alone.ticks(100);
  CHECK_EQ(alone.rung(Rung::stale_plan), 0u);
}

TEST_CASE("plan: nonsense is not followed") {
  for (int kind = 0; kind < 7; ++kind) {
    Rig rig;
    rig.tick();
    PlanRequest request;
    CHECK(rig.controller.take_request(request));
    CHECK(!rig.controller.take_request(request));
    Plan plan;
    ConstantPlanner(0.5f).plan(request, 0, plan);
    if (kind == 0) plan.finite = false;
    if (kind == 1) plan.action[2][1] = std::nanf("");
    if (kind == 2) plan.horizon = 0;
    if (kind == 3) plan.horizon = 1000;
    if (kind == 4) plan.dt_ns = 0;
    if (kind == 5) plan.generation = 7;
    if (kind == 6) plan.t_ns = INT64_MAX / 2;
    rig.controller.post_plan(plan);
    rig.ticks(40);
    CHECK(!rig.status.plan_used);
    CHECK_EQ(rig.status.action[0], 0.0f);
    CHECK_EQ(rig.bad_commands, 0u);
  }
}

TEST_CASE("plan: an older one that arrives after a newer one is dropped; one past [-1,1] is clamped") {
  Rig rig;
  rig.tick();
  PlanRequest first, second;
  rig.controller.take_request(first);
  rig.ticks(20);
  rig.controller.take_request(second);
  Plan plan;
  ConstantPlanner(5.0f).plan(second, 0, plan);
  rig.controller.post_plan(plan);
  rig.tick();
  CHECK_EQ(rig.status.action[0], 1.0f);
  ConstantPlanner(-1.0f).plan(first, 0, plan);
  rig.controller.post_plan(plan);
  rig.tick();
  CHECK_EQ(rig.status.action[0], 1.0f);
}

TEST_CASE("plan: a broken expert does not stop a good plan, and no request is made of a broken reference") {
  Bundle b = toy::bundle();
  b.experts[0].network = toy::linear(b.feature_size, toy::kJoints, {}, {std::nanf(""), 0, 0});
  Rig rig(b);
  rig.tick();
  PlanRequest request;
  CHECK(!rig.controller.take_request(request));
  CHECK_EQ(rig.rung(Rung::output_rejected), 1u);
  request = PlanRequest{};
  request.t_ns = rig.t;
  Plan plan;
  ConstantPlanner(0.5f).plan(request, 0, plan);
  rig.controller.post_plan(plan);
  rig.tick();
  CHECK_EQ(rig.status.action[0], 0.5f);
}

TEST_CASE("plan: skills that the planner is not for are the experts', at once, and nothing is counted") {
  Bundle some = toy::bundle();
  some.experts[2].planned = false;  // wave
  Rig rig(some);
  Answerer planner;
  planner.late_ms = 5;
  rig.controller.expect_plans(true);
  fly(rig, planner, 100);
  CHECK_EQ(rig.status.action[0], 0.2f);
  rig.controller.post(toy::only(2));
  fly(rig, planner, 20);
  CHECK(!rig.status.plan_used);
  fly(rig, planner, 1000);
  CHECK_EQ(rig.status.action[2], 1.0f);
  CHECK_EQ(rig.status.plan_age_ns, 0);
  CHECK(!planner.planner.calls || planner.planner.last.condition[2] == 0.0f);
  // A plan that comes too late is not followed.
  Plan late = planner.pending;
  late.t_ns = rig.t;
  late.decision = 1'000'000;
  rig.controller.post_plan(late);
  rig.tick();
  CHECK(!rig.status.plan_used);
  // Back, it plans from the decision after.
  rig.controller.post(toy::only(0, 2));
  fly(rig, planner, 2010);
  CHECK(rig.status.plan_used);
  CHECK_EQ(rig.status.action[0], 0.2f);
  CHECK_EQ(rig.rung(Rung::stale_plan), 0u);
}

TEST_CASE("plan: in the tick, too; an ablation may plan everywhere") {
  Bundle some = toy::bundle();
  some.experts[0].planned = false;
  for (const bool only : {true, false}) {
    ControllerOptions options;
    options.planned_skills_only = only;
    Rig rig(some, options);
    const auto planner = std::make_shared<ConstantPlanner>(0.25f);
    rig.controller.set_planner(planner);
    rig.ticks(100);
    CHECK_EQ(planner->calls, only ? 0 : 5);
    CHECK_EQ(rig.status.plan_used, !only);
    CHECK_EQ(rig.rung(Rung::stale_plan), 0u);
  }
}
