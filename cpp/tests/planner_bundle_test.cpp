// From a bundle's graphs to a plan: the layers are those that were written, other graphs are refused by name, and a
// controller swaps planners while it runs.
#include <atomic>
#include <cmath>
#include <thread>

#include "check.hpp"
#include "control_rig.hpp"
#include "metaworld_rt/planner.hpp"
#include "metaworld_rt/planner_thread.hpp"
#include "model/program.hpp"
#include "planner/mppi.hpp"
#include "planner_bundle_rig.hpp"

using namespace metaworld_rt;
using namespace metaworld_rt::planner;

namespace {

PlannerSettings settings() {
  PlannerSettings s;
  s.samples = 48, s.iterations = 2, s.elites = 8, s.prior_trajectories = 4, s.expert_trajectories = 4;
  return s;
}

void check_same(const NetSpec& a, const NetSpec& b) {
  CHECK_EQ(a.layers.size(), b.layers.size());
  for (std::size_t i = 0; i < a.layers.size() && i < b.layers.size(); ++i) {
    const LayerSpec &x = a.layers[i], &y = b.layers[i];
    CHECK(x.in == y.in && x.out == y.out && x.activation == y.activation && x.group == y.group);
    CHECK(x.weight == y.weight && x.bias == y.bias && x.gain == y.gain && x.norm_bias == y.norm_bias);
  }
}

PlanRequest request(const Bundle& b) {
  RandomModel random(9);
  PlanRequest r;
  for (std::uint32_t i = 0; i < b.feature_size; ++i) r.phi[i] = random.normal();
  r.condition = {0.2f, 0.5f, 0.3f};
  r.mixture = {0.1f, 0.6f, 0.3f};
  r.reference = {0.1f, -0.2f, 0.3f};
  return r;
}

}  // namespace

TEST_CASE("import: a bundle's graphs become the layers they were written from, in our order of inputs") {
  const ModelSpec spec = RandomModel(1)(toy_sizes());
  const ModelSpec read = model_spec(planning_bundle(spec, settings()));
  check_same(read.encoder, spec.encoder);
  check_same(read.dynamics, spec.dynamics);
  check_same(read.reward, spec.reward);
  check_same(read.q[1], spec.q[1]);
  check_same(read.prior, spec.prior);
  check_same(*read.termination, *spec.termination);
  check_same(read.experts[2], spec.experts[2]);
  CHECK(read.log_std.squash && read.log_std.scale == 6.0f && read.log_std.shift == -4.0f);
  CHECK(read.latent == 16 && read.actions == 3 && read.condition == 3 && read.bins == 21);
  validate(read);
}

TEST_CASE("import: latent heads are all or none") {
  Bundle b = planning_bundle(RandomModel(1)(toy_sizes()), settings());
  b.experts[1].latent.reset();
  CHECK_EQ(model_spec(b).experts.size(), 0u);
}

TEST_CASE("import: graphs that are no chain of dense layers are refused by network and node") {
  const auto read = [](const toy::GraphBuilder& g, const std::vector<InputSize>& order,
                       ModelSpec::LogStd* tail = nullptr) {
    const Network n = Network::from_onnx(g.build(), "net");
    return net_spec(n.program(), order, tail);
  };
  const auto chain = [] {
    return toy::GraphBuilder().input("z", 4).weights("w", {4, 4}, std::vector<float>(16, 0.5f));
  };
  const std::vector<InputSize> z{{"z", 4}};
  read(chain().node("MatMul", {"z", "w"}, {"y"}).output("y", 4), z);
  CHECK_THROWS(read(chain().node("MatMul", {"z", "w"}, {"y"}).output("y", 4), {{"a", 4}}), "input \"z\" is not one");
  CHECK_THROWS(read(chain().node("MatMul", {"z", "w"}, {"y"}).output("y", 4), {{"z", 5}}), "has 4 values, expected 5");
  CHECK_THROWS(read(chain().node("MatMul", {"z", "w"}, {"y"}).output("y", 4), {{"z", 4}, {"c", 2}}), "does not fit");
  // A residual connection.
  CHECK_THROWS(read(chain().node("MatMul", {"z", "w"}, {"h"}).node("Add", {"h", "z"}, {"y"}).output("y", 4), z),
               "does not fit");
  // Two layers side by side.
  CHECK_THROWS(read(chain()
                        .node("MatMul", {"z", "w"}, {"h"})
                        .node("MatMul", {"z", "w"}, {"k"})
                        .node("Concat", {"h", "k"}, {"y"}, {toy::attribute_i("axis", -1)})
                        .output("y", 8),
                    z),
               "does not fit");
  // A tail where none is allowed, and one that is not [mean, log_std].
  const auto tanh_tail = chain()
                             .node("MatMul", {"z", "w"}, {"h"})
                             .node("Relu", {"h"}, {"r"})
                             .node("MatMul", {"r", "w"}, {"k"})
                             .integers("parts", {2, 2})
                             .node("Split", {"k", "parts"}, {"p", "q"}, {toy::attribute_i("axis", -1)})
                             .node("Concat", {"q", "p"}, {"y"}, {toy::attribute_i("axis", -1)})
                             .output("y", 4);
  CHECK_THROWS(read(tanh_tail, z), "not that of its last dense layer");
  ModelSpec::LogStd tail;
  CHECK_THROWS(read(tanh_tail, z, &tail), "[mean, log_std]");
}

TEST_CASE("planner from a bundle: it plans as its core does, in the bundle's settings or others") {
  const auto bundle = toy::share(planning_bundle(RandomModel(2)(toy_sizes()), settings()));
  const PlanRequest r = request(*bundle);
  Plan one, two, other;
  MppiPlanner(bundle, {.threads = 1, .seed = 5}).plan(r, 0, one);
  MppiPlanner planner(bundle, {.threads = 2, .seed = 5});
  planner.plan(r, 0, two);
  CHECK(one.finite && one.iterations == 2 && one.samples == 48 + 40 && one.dt_ns == 20'000'000 && one.horizon == 3);
  CHECK(one.action == two.action && one.std == two.std);
  CHECK(planner.precision().used == Precision::fp32 && planner.precision().message.empty());
  CHECK(planner.flop() > 48 * 2.0 * 24 * 24);
  PlannerSettings s = settings();
  s.horizon = 5;
  MppiPlanner(bundle, {.settings = s}).plan(r, 0, other);
  CHECK_EQ(other.horizon, 5u);
  CHECK_THROWS(MppiPlanner(toy::share(toy::bundle())), "has no world model");
  CHECK_THROWS(MppiPlanner(nullptr), "needs a bundle");
  CHECK_THROWS(MppiPlanner(bundle, {.threads = 0}), "threads");
}

TEST_CASE("planner from a bundle: low precision passes the gate, or falls back to fp32 and says why") {
  Bundle b = planning_bundle(RandomModel(3)(toy_sizes()), settings());
  b.planner->precision = Precision::bf16;
  b.planner->action_tolerance = 2.0f;
  const MppiPlanner blind(toy::share(b));
  CHECK(blind.precision().used == Precision::fp32);
  CHECK(blind.precision().message.find("no calibration states") != std::string::npos);
  CHECK(std::string(blind.kernel()).find("fp32") == 0);
  RandomModel random(4);
  b.calibration_rows = 2;
  for (std::uint32_t i = 0; i < 2 * (b.feature_size + 3); ++i) b.calibration.push_back(random.normal());
  const MppiPlanner seen(toy::share(b));
  CHECK_EQ(seen.precision().states, 2u);
  CHECK(seen.precision().used == Precision::bf16 && seen.precision().message.empty());
  CHECK(std::string(seen.kernel()).find("bf16") == 0);
  b.planner->action_tolerance = 0.0f;
  const MppiPlanner strict(toy::share(b));
  CHECK(strict.precision().used == Precision::fp32 && strict.precision().requested == Precision::bf16);
  CHECK(!strict.precision().message.empty());
}

TEST_CASE("planner from a bundle: auto takes the fastest precision that passes, whatever the gate's switch says") {
  Bundle b = planning_bundle(RandomModel(3)(toy_sizes()), settings());
  RandomModel random(4);
  b.calibration_rows = 2;
  for (std::uint32_t i = 0; i < 2 * (b.feature_size + 3); ++i) b.calibration.push_back(random.normal());
  b.planner->precision = Precision::automatic;
  const kernels::BatchKernels& table = kernels::batch_kernels(kernels::active_isa());
  for (const bool gate : {true, false}) {
    b.planner->action_tolerance = 2.0f;
    const MppiPlanner loose(toy::share(b), {.gate = gate});
    const PrecisionReport& r = loose.precision();
    CHECK(r.requested == Precision::automatic);
    CHECK_EQ(std::string(loose.kernel()), std::string(table.name[static_cast<int>(r.used)]));
    CHECK(r.used == Precision::fp32 || table.fast[static_cast<int>(r.used)]);
    CHECK((r.used == Precision::fp32) == !table.fast[static_cast<int>(Precision::int16)]);
    CHECK(r.used != Precision::int16 || r.message.find("int8: ") == 0 ||
          !table.fast[static_cast<int>(Precision::int8)]);
    b.planner->action_tolerance = 0.0f;
    const MppiPlanner strict(toy::share(b), {.gate = gate});
    CHECK(strict.precision().used == Precision::fp32);
    CHECK(std::string(strict.kernel()).find("fp32") == 0);
  }
}

TEST_CASE("a controller swaps bundles and planners while a planner thread plans and a thread steps") {
  const auto make = [](unsigned seed) {
    return toy::share(planning_bundle(RandomModel(seed)(toy_sizes()), settings()));
  };
  const std::shared_ptr<const Bundle> bundles[] = {make(5), make(6)};
  toy::Rig rig(*bundles[0]);
  PlannerThread thread(rig.controller, std::make_shared<MppiPlanner>(bundles[0], PlannerOptions{.threads = 2}),
                       {.poll_ns = 20'000});
  thread.start();
  std::atomic<bool> done{false};
  std::thread stepper([&] {
    while (!done) {
      rig.tick();
      std::this_thread::sleep_for(std::chrono::microseconds(20));
    }
  });
  const auto plans = [&] { return thread.report().plans; };
  for (int i = 1; i <= 8; ++i) {
    const auto& next = bundles[i % 2];
    auto planner = std::make_shared<MppiPlanner>(next, PlannerOptions{.threads = 2});
    thread.set_planner(planner, rig.controller.swap(next));
    const std::uint64_t before = plans();
    for (int k = 0; k < 20'000 && plans() < before + 2; ++k)
      std::this_thread::sleep_for(std::chrono::microseconds(500));
    CHECK(plans() >= before + 2);
  }
  done = true;
  stepper.join();
  thread.stop();
  CHECK_EQ(thread.report().not_finite, 0u);
  CHECK_EQ(rig.bad_commands, 0u);
  CHECK_EQ(rig.status.generation, 8u);
}

TEST_CASE("a plan from numbers that are not finite is refused, and the experts act in its place") {
  const auto bundle = toy::share(planning_bundle(RandomModel(7)(toy_sizes()), settings()));
  const auto used = [&](float poison) {
    toy::Rig rig(*bundle);
    rig.controller.expect_plans(true);
    MppiPlanner planner(bundle);
    PlanRequest r;
    Plan plan;
    int plans = 0;
    for (int i = 0; i < 200; ++i) {
      rig.tick();
      if (rig.status.plan_used) ++plans;
      if (!rig.controller.take_request(r)) continue;
      r.phi[2] += poison;
      planner.plan(r, 0, plan);
      rig.controller.post_plan(plan);
    }
    CHECK_EQ(rig.bad_commands, 0u);
    CHECK_EQ(plan.finite, std::isfinite(poison));
    CHECK(rig.status.mode == Mode::running);
    return plans;
  };
  CHECK(used(0.0f) > 0);
  CHECK_EQ(used(NAN), 0);
  CHECK_EQ(used(INFINITY), 0);
}
