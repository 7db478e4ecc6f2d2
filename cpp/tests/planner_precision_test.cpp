// Low precision: near enough to fp32 to be useful, and refused when it is not.
#include "check.hpp"
#include "planner/precision_gate.hpp"
#include "planner_random_model.hpp"

using namespace metaworld_rt;
using namespace metaworld_rt::planner;

namespace {

PrecisionReport gate(const ModelSpec& spec, const PlannerSettings& s, Precision p, std::uint32_t states,
                     double tolerance) {
  ThreadPool pool(1, {}, 0);
  const auto model = [&](Precision q) {
    return std::make_shared<const PackedModel>(spec, static_cast<kernels::Storage>(q), kernels::active_isa());
  };
  Mppi exact(model(Precision::fp32), s, 20'000'000, 1, pool), low(model(p), s, 20'000'000, 1, pool);
  RandomModel random(5);
  std::vector<float> rows(states * (spec.features + spec.condition));
  for (float& x : rows) x = random.normal();
  return compare(exact, low, rows, p, tolerance);
}

}  // namespace

TEST_CASE("rank correlation: order, reversal, ties, constants") {
  const std::vector<float> a{1, 2, 3, 4, 5}, up{10, 20, 30, 40, 500}, down{5, 4, 3, 2, 1}, flat{1, 1, 1, 1, 1};
  CHECK_NEAR(rank_correlation(a, up), 1.0, 1e-12);
  CHECK_NEAR(rank_correlation(a, down), -1.0, 1e-12);
  CHECK_NEAR(rank_correlation(a, flat), 0.0, 1e-12);
  CHECK_NEAR(rank_correlation(flat, flat), 1.0, 1e-12);
  // Ranks 0.5 0.5 2 3 4 against 0 1 2 3 4: 1 - 0.5 / 20 = 0.975 by the definition for ties.
  CHECK_NEAR(rank_correlation(std::vector<float>{1, 1, 3, 4, 5}, a), 0.97468, 1e-4);
}

TEST_CASE(
    "gate: bf16, int8 and int16 of a random model keep the order of trajectories; tolerances and missing states "
    "refuse") {
  const ModelSpec spec = RandomModel(3)({51, 64, 128, 128, 19, 0, 0, 101, 2, false, -10.0f, 10.0f});
  PlannerSettings s;
  s.samples = 160, s.iterations = 1, s.expert_trajectories = 0, s.guidance = 0.0f;
  const PrecisionReport bf16 = gate(spec, s, Precision::bf16, 2, 2.0);
  CHECK_EQ(bf16.states, 2u);
  CHECK(bf16.rank_correlation > 0.999 && bf16.rank_correlation < 1.0);
  CHECK(bf16.used == Precision::bf16 && bf16.message.empty());
  const PrecisionReport int8 = gate(spec, s, Precision::int8, 2, 2.0);
  CHECK(int8.rank_correlation > 0.97 && int8.rank_correlation < bf16.rank_correlation);
  CHECK((int8.used == Precision::int8) == (int8.rank_correlation >= kLeastRankCorrelation));
  const PrecisionReport int16 = gate(spec, s, Precision::int16, 2, 2.0);
  CHECK(int16.used == Precision::int16);
  CHECK(1.0 - int16.rank_correlation < 0.5 * (1.0 - bf16.rank_correlation));
  const PrecisionReport strict = gate(spec, s, Precision::bf16, 2, 0.0);
  CHECK(strict.used == Precision::fp32 && strict.message.find("more than the tolerance 0.0000") != std::string::npos);
  const PrecisionReport none = gate(spec, s, Precision::bf16, 0, 2.0);
  CHECK(none.used == Precision::fp32 && none.message.find("no calibration states") != std::string::npos);
}

TEST_CASE("gate: weights that low precision cannot hold are refused for their ranks") {
  ModelSpec spec = RandomModel(4)({51, 64, 128, 128, 19, 0, 0, 101, 2, false, -10.0f, 10.0f});
  // One enormous weight a row that meets an input near zero: int8 has no steps left for the others.
  for (LayerSpec& l : spec.reward.layers) {
    for (std::uint32_t n = 0; n < l.out; ++n) l.weight[std::size_t{n} * l.in] = 300.0f;
  }
  PlannerSettings s;
  s.samples = 128, s.iterations = 1, s.expert_trajectories = 0, s.guidance = 0.0f;
  const PrecisionReport r = gate(spec, s, Precision::int8, 1, 2.0);
  CHECK(r.used == Precision::fp32 && r.message.find("rank correlation") != std::string::npos);
}
