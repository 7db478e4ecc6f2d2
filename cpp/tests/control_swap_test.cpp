// Hot swap: between two ticks, all or nothing, and the old bundle goes away off the loop.
#include <atomic>
#include <thread>

#include "check.hpp"
#include "control_rig.hpp"

using namespace metaworld_rt;
using toy::kMs;
using toy::Rig;

TEST_CASE("swap: the new experts are in force at the next decision, and nothing jumps at the swap itself") {
  Rig rig;
  SkillCommand walk = toy::only(1);
  walk.ttl_ns = INT64_MAX;
  rig.controller.post(walk);
  rig.ticks(210);
  const Command before = rig.command;
  const float phase = rig.status.phase;
  Bundle next = toy::empty_bundle();
  next.name = "next";
  toy::expert(next, "wave", {0, 0, -1.0f});
  toy::expert(next, "walk", {0.75f, 0, 0}, 0.5);
  CHECK_EQ(rig.controller.swap(toy::share(next)), 1u);
  rig.tick();
  CHECK(rig.command.q == before.q);
  CHECK_EQ(rig.status.generation, 1u);
  CHECK_EQ(rig.status.phase, phase);
  CHECK_EQ(rig.controller.active_bundle().name, "next");
  rig.ticks(10);
  CHECK_EQ(rig.status.mixture[1], 1.0f);  // "walk" by name: index 1 here too
  CHECK_EQ(rig.status.action[0], 0.75f);
  CHECK(rig.status.mode == Mode::running);
}

TEST_CASE("swap: the command is carried by expert name; where no skill is left, the safe skill") {
  Rig rig;
  SkillCommand c = toy::only(1);
  c.ttl_ns = INT64_MAX;
  c.stages[0].weights[1] = 0.5f;
  c.stages[0].weights[2] = 0.5f;
  rig.controller.post(c);
  rig.ticks(400);
  Bundle turned = toy::empty_bundle();
  toy::expert(turned, "run", {0, 0, 0});
  toy::expert(turned, "stand", {0, 0, 0});
  toy::expert(turned, "wave", {0, 0, 1.0f});
  turned.safe_skill = 1;
  rig.controller.swap(toy::share(turned));
  rig.ticks(40);
  CHECK_EQ(rig.status.mixture[2], 1.0f);  // walk is gone, wave stays
  Bundle other = toy::empty_bundle();
  toy::expert(other, "sit", {0, 0, 0});
  rig.controller.swap(toy::share(other));
  rig.ticks(40);
  CHECK_EQ(rig.status.mixture[0], 1.0f);
  CHECK_EQ(rig.status.command_id, 0u);
  CHECK_EQ(rig.bad_commands, 0u);
}

TEST_CASE("swap_refused: an incompatible bundle changes nothing and says why") {
  Rig rig;
  rig.ticks(10);
  const auto refused = [&](auto change, const char* why) {
    Bundle b = toy::bundle();
    change(b);
    CHECK_THROWS(rig.controller.swap(toy::share(b)), why);
  };
  refused([](Bundle& b) { b.robot.name = "g1"; }, "robot \"g1\"");
  refused([](Bundle& b) { std::swap(b.robot.joints[0], b.robot.joints[1]); }, "joints");
  refused([](Bundle& b) { b.observation.pop_back(); }, "observation");
  refused([](Bundle& b) { b.decision_hz = 25; }, "rates");
  refused([](Bundle& b) { b.experts[1].network = toy::linear(1, 1, {}, {0}); }, "walk");
  CHECK_THROWS(rig.controller.swap(nullptr), "bundle");
  rig.controller.note_refused_swap();  // one that load_bundle refused
  rig.ticks(10);
  CHECK_EQ(rig.rung(Rung::swap_refused), 6u);
  CHECK_EQ(rig.status.generation, 0u);
  CHECK(rig.status.mode == Mode::running);
  CHECK_EQ(rig.controller.bundle().get(), rig.bundle_.get());
}

TEST_CASE("swap: a plan for the bundle before is not followed; the new planner is asked") {
  Rig rig;
  const auto one = std::make_shared<toy::ConstantPlanner>(0.25f), two = std::make_shared<toy::ConstantPlanner>(0.5f);
  rig.controller.set_planner(one);
  rig.ticks(30);
  PlanRequest request;
  rig.controller.take_request(request);
  rig.controller.swap(toy::share(toy::bundle()), two);
  rig.ticks(20);
  CHECK_EQ(rig.status.action[0], 0.5f);
  CHECK_EQ(two->last.generation, 1u);
  Plan old;
  one->plan(request, 0, old);
  old.decision = 1000;
  rig.controller.post_plan(old);
  rig.tick();
  CHECK_EQ(rig.status.action[0], 0.5f);
}

TEST_CASE("swap: old bundles are released, and never by the stepping thread while it steps") {
  std::weak_ptr<const Bundle> first, second;
  {
    Rig rig;
    first = rig.bundle_;
    rig.tick();
    const auto next = toy::share(toy::bundle());
    second = next;
    rig.controller.swap(next);
    rig.bundle_ = next;
    rig.tick();
    CHECK(!first.expired());  // waits for this side
    rig.controller.swap(toy::share(toy::bundle()));
    CHECK(first.expired());
    rig.controller.swap(toy::share(toy::bundle()));  // replaces one that no tick took
    rig.tick();
    CHECK_EQ(rig.status.generation, 3u);
  }
  CHECK(second.expired());
}

TEST_CASE("swap, post and stop from other threads while one steps") {
  Rig rig;
  const auto a = toy::share(toy::bundle()), b = toy::share(toy::bundle());
  std::atomic<bool> done{false};
  std::thread swapper([&] {
    for (int i = 0; !done; ++i) {
      rig.controller.swap(i % 2 ? a : b);
      std::this_thread::yield();
    }
  });
  std::thread talker([&] {
    for (std::uint32_t i = 0; !done; ++i) {
      rig.controller.post(toy::only(i % 3, i));
      if (i % 50 == 0) rig.controller.request_stop();
      if (i % 50 == 25) rig.controller.rearm();
      std::this_thread::yield();
    }
  });
  std::thread planner([&] {
    toy::ConstantPlanner constant(0.1f);
    PlanRequest request;
    Plan plan;
    while (!done)
      if (rig.controller.take_request(request)) {
        constant.plan(request, 0, plan);
        rig.controller.post_plan(plan);
      } else {
        std::this_thread::yield();
      }
  });
  for (int i = 0; i < 5000 || rig.status.generation < 20; ++i) {
    rig.tick();
    if (i % 100 == 0) std::this_thread::yield();
  }
  done = true;
  swapper.join();
  talker.join();
  planner.join();
  CHECK_EQ(rig.bad_commands, 0u);
}
