// The native planner against plain double arithmetic, and against itself on other numbers of threads.
#include "planner/mppi.hpp"

#include <cstring>

#include "check.hpp"
#include "planner_random_model.hpp"
#include "planner_reference.hpp"

using namespace metaworld_rt;
using namespace metaworld_rt::planner;

namespace {

constexpr std::int64_t kStep = 20'000'000;

struct Case {
  ModelSpec spec;
  PlannerSettings settings;
  PlanRequest request;
  std::vector<float> prior_noise, expert_noise, sample_noise;
  NoiseView noise() const { return {prior_noise.data(), expert_noise.data(), sample_noise.data()}; }
};

Case make_case(const RandomSizes& sizes, PlannerSettings s, unsigned seed) {
  RandomModel random(seed);
  Case c;
  c.spec = random(sizes);
  c.settings = s;
  c.request.t_ns = 1'000'000'000;
  for (float& x : c.request.phi) x = random.normal();
  float sum = 0;
  for (std::uint32_t e = 0; e < kMaxSkills; ++e) {
    c.request.condition[e] = 0.5f * random.normal();
    sum += c.request.mixture[e] = e < sizes.experts && e % 3 != 1 ? std::abs(random.normal()) : 0.0f;
  }
  for (float& w : c.request.mixture) w /= sum > 0 ? sum : 1.0f;
  for (float& a : c.request.reference) a = std::tanh(0.5f * random.normal());
  const PlannerSettings k = in_range(s);
  const std::size_t a = sizes.actions, h = k.horizon;
  c.prior_noise.resize(h * k.prior_trajectories * a);
  c.expert_noise.resize(h * k.expert_trajectories * a);
  c.sample_noise.resize(k.iterations * h * (k.samples - k.prior_trajectories - k.expert_trajectories) * a);
  for (auto* v : {&c.prior_noise, &c.expert_noise, &c.sample_noise}) {
    for (float& x : *v) x = random.normal();
  }
  return c;
}

std::shared_ptr<const PackedModel> packed(const ModelSpec& spec, kernels::Storage s = kernels::Storage::fp32,
                                          kernels::Isa isa = kernels::active_isa()) {
  return std::make_shared<const PackedModel>(spec, s, isa);
}

PlannerSettings small(std::uint32_t samples, std::uint32_t prior, std::uint32_t experts) {
  PlannerSettings s;
  s.samples = samples, s.iterations = 3, s.elites = 12, s.prior_trajectories = prior, s.expert_trajectories = experts;
  s.guidance = 0.3f;
  return s;
}

/// Every value, elite, mean and std of a native plan against the definition, each step from the native's own state.
void compare(const Case& c, kernels::Isa isa) {
  ThreadPool pool(1, {}, 0);
  Mppi mppi(packed(c.spec, kernels::Storage::fp32, isa), c.settings, kStep, 0, pool);
  const PlannerSettings& s = mppi.settings();
  Plan plan;
  Trace trace;
  const NoiseView noise = c.noise();
  mppi.plan(c.request, 0, plan, &noise, nullptr, &trace);
  CHECK(plan.finite);
  CHECK_EQ(plan.iterations, s.iterations);
  const ReferencePlanner reference(c.spec, s, c.request);
  const std::uint32_t a = c.spec.actions, h = s.horizon, n = s.samples,
                      seeds = s.prior_trajectories + s.expert_trajectories;
  std::vector<double> mean(h * a, 0.0), std_dev(h * a, double{s.max_std});
  if (s.expert_trajectories) {
    const auto first = reference.seed(false, c.expert_noise.data(), s.expert_trajectories * a, true);
    for (std::uint32_t i = 0; i < h * a; ++i) mean[i] = first[i / a][i % a];
  }
  double worst_action = 0, worst_value = 0, worst_mean = 0, worst_std = 0;
  for (std::uint32_t it = 0; it < s.iterations; ++it) {
    const float* actions = trace.actions.data() + std::size_t{it} * n * h * a;
    const float* values = trace.values.data() + std::size_t{it} * n;
    for (std::uint32_t i = 0; i < n; ++i) {
      const float* mine = actions + std::size_t{i} * h * a;
      std::vector<Vector> seed;
      if (i < s.prior_trajectories) {
        seed = reference.seed(true, c.prior_noise.data() + i * a, s.prior_trajectories * a, false);
      } else if (i < seeds) {
        const std::uint32_t e = i - s.prior_trajectories;
        seed = reference.seed(false, c.expert_noise.data() + e * a, s.expert_trajectories * a, e == 0);
      }
      for (std::uint32_t k = 0; k < h * a; ++k) {
        double want;
        if (i < seeds) {
          want = seed[k / a][k % a];
        } else {
          const std::size_t at = ((std::size_t{it} * h + k / a) * (n - seeds) + (i - seeds)) * a + k % a;
          want = std::clamp(mean[k] + std_dev[k] * c.sample_noise[at], -1.0, 1.0);
        }
        worst_action = std::max(worst_action, std::abs(want - mine[k]));
      }
      const double want = reference.value(mine);
      worst_value = std::max(worst_value, std::abs(values[i] - want) / std::max(1.0, std::abs(want)));
    }
    // Elites: the greatest of the native's own values, best first.
    const std::uint32_t elites = s.elites;
    const std::uint32_t* chosen = trace.elites.data() + std::size_t{it} * elites;
    std::vector<std::uint32_t> order(n);
    std::iota(order.begin(), order.end(), 0u);
    std::stable_sort(order.begin(), order.end(), [&](auto x, auto y) { return values[x] > values[y]; });
    CHECK(std::equal(chosen, chosen + elites, order.begin()));
    double sum = 0;
    std::vector<double> score(elites);
    for (std::uint32_t k = 0; k < elites; ++k) {
      sum += score[k] = std::exp(double{s.temperature} * (double{values[chosen[k]]} - values[chosen[0]]));
    }
    for (std::uint32_t k = 0; k < h * a; ++k) {
      double m = 0, var = 0;
      for (std::uint32_t e = 0; e < elites; ++e) m += score[e] / sum * actions[std::size_t{chosen[e]} * h * a + k];
      for (std::uint32_t e = 0; e < elites; ++e) {
        const double d = actions[std::size_t{chosen[e]} * h * a + k] - m;
        var += score[e] / sum * d * d;
      }
      mean[k] = m;
      std_dev[k] = std::clamp(std::sqrt(var), double{s.min_std}, double{s.max_std});
      worst_mean = std::max(worst_mean, std::abs(m - trace.mean[std::size_t{it} * h * a + k]));
      worst_std = std::max(worst_std, std::abs(std_dev[k] - trace.std[std::size_t{it} * h * a + k]));
    }
  }
  CHECK(worst_action < 2e-5);
  CHECK(worst_value < 1e-4);
  CHECK(worst_mean < 1e-5);
  CHECK(worst_std < 1e-5);
  for (std::uint32_t k = 0; k < h * a; ++k) {
    CHECK_NEAR(plan.action[k / a][k % a], mean[k], 1e-5);
    CHECK_NEAR(plan.std[k / a][k % a], std_dev[k], 1e-5);
  }
}

bool same(const Plan& a, const Plan& b) {
  return a.finite && b.finite && std::memcmp(&a.action, &b.action, sizeof a.action) == 0 &&
         std::memcmp(&a.std, &b.std, sizeof a.std) == 0 && a.value == b.value;
}

}  // namespace

TEST_CASE("mppi equals its definition in double arithmetic: condition, experts, guidance, termination, odd sizes") {
  RandomSizes k{13, 24, 40, 24, 5, 3, 3, 21, 2, true, -1.0f, 5.5f};
  for (const kernels::Isa isa :
       {kernels::Isa::portable, kernels::Isa::neon, kernels::Isa::avx2, kernels::Isa::avx512}) {
    if (kernels::supported(isa)) compare(make_case(k, small(60, 6, 4), 1), isa);
  }
  const kernels::Isa best = kernels::active_isa();
  PlannerSettings s = small(60, 6, 4);
  s.q_reduction = QReduction::min;
  compare(make_case(k, s, 2), best);
  k.termination = false, k.condition = 0;
  s.guidance = 0.0f;
  compare(make_case(k, s, 3), best);
}

TEST_CASE("mppi at its limits: one sample, elites beyond samples, horizon 1 and 16, no experts, 32 experts, one q") {
  const kernels::Isa best = kernels::active_isa();
  RandomSizes k{13, 24, 40, 24, 5, 3, 0, 21, 2, false, -1.0f, 5.5f};
  PlannerSettings s = small(1, 0, 0);
  compare(make_case(k, s, 4), best);
  s = small(1, 24, 8);  // more seeds than samples
  compare(make_case(k, s, 5), best);
  s = small(20, 3, 0);
  s.elites = 64;
  compare(make_case(k, s, 6), best);
  s = small(40, 5, 2);
  s.horizon = 1;
  compare(make_case(k, s, 7), best);
  s.horizon = 16;
  compare(make_case(k, s, 8), best);
  k.q = 1;
  compare(make_case(k, small(40, 0, 0), 9), best);
  k.experts = 32;
  compare(make_case(k, small(40, 4, 6), 10), best);
  k.actions = 64, k.condition = 32;
  compare(make_case(k, small(40, 4, 6), 11), best);
}

TEST_CASE("mppi: the same bits on 1, 2 and 4 threads, and again after reset()") {
  const RandomSizes k{51, 32, 48, 48, 19, 3, 3, 101, 2, false, -1.0f, 5.5f};
  for (const auto storage :
       {kernels::Storage::fp32, kernels::Storage::bf16, kernels::Storage::int8, kernels::Storage::int16}) {
    PlannerSettings s;
    s.samples = 160, s.iterations = 2, s.elites = 24;
    Case c = make_case(k, s, 12);
    const auto model = packed(c.spec, storage);
    std::vector<Plan> first;
    for (const std::uint32_t threads : {1u, 2u, 4u}) {
      ThreadPool pool(threads, {}, 20'000);
      Mppi mppi(model, s, kStep, 7, pool);
      for (int round = 0; round < 2; ++round) {
        mppi.reset();
        for (std::uint32_t i = 0; i < 3; ++i) {  // the second and third are warm
          Plan plan;
          c.request.decision = i;
          c.request.t_ns = i * kStep + i * i * 3'000'000;
          mppi.plan(c.request, 0, plan);
          if (first.size() <= i) first.push_back(plan);
          CHECK(same(first[i], plan));
        }
      }
    }
    CHECK(!same(first[0], first[1]));
  }
}

TEST_CASE("mppi: another seed or another decision is other noise") {
  const RandomSizes k{13, 24, 40, 24, 5, 0, 0, 21, 2, false, -1.0f, 5.5f};
  const Case c = make_case(k, small(60, 6, 0), 13);
  const auto model = packed(c.spec);
  ThreadPool pool(1, {}, 0);
  Plan plan[3];
  PlanRequest r = c.request;
  Mppi(model, c.settings, kStep, 1, pool).plan(r, 0, plan[0]);
  Mppi(model, c.settings, kStep, 2, pool).plan(r, 0, plan[1]);
  r.decision = 1;
  Mppi(model, c.settings, kStep, 1, pool).plan(r, 0, plan[2]);
  CHECK(!same(plan[0], plan[1]) && !same(plan[0], plan[2]));
}

TEST_CASE("mppi: the warm start is the last mean, shifted by whole and broken steps, zero beyond its end") {
  const RandomSizes k{13, 24, 40, 24, 5, 0, 0, 21, 2, false, -1.0f, 5.5f};
  PlannerSettings s = small(60, 6, 0);
  s.horizon = 4;
  Case c = make_case(k, s, 14);
  const auto model = packed(c.spec);
  ThreadPool pool(1, {}, 0);
  for (const std::int64_t ahead : {std::int64_t{0}, kStep / 4, kStep, kStep * 2 + kStep / 2, kStep * 4, -kStep}) {
    Mppi mppi(model, s, kStep, 1, pool);
    Plan plan, next, expected;
    mppi.plan(c.request, 0, plan);
    PlanRequest r = c.request;
    r.t_ns += ahead;
    r.decision = 1;
    std::vector<float> shifted(4 * 5, 0.0f);
    const double steps = static_cast<double>(ahead) / kStep;
    for (int t = 0; t < 4; ++t) {
      for (int j = 0; j < 5; ++j) {
        const double at = t + steps;
        const int low = static_cast<int>(std::floor(at));
        const auto value = [&](int i) { return i >= 0 && i < 4 ? double{plan.action[i][j]} : 0.0; };
        shifted[t * 5 + j] = static_cast<float>((1 - (at - low)) * value(low) + (at - low) * value(low + 1));
      }
    }
    const bool cold = ahead < 0 || ahead >= 4 * kStep;
    // With no time at all the plan is the start itself.
    Mppi again = Mppi(model, s, kStep, 1, pool);
    Plan late;
    again.plan(c.request, 0, late);
    again.plan(r, 1, late);
    CHECK(late.finite && late.deadline_hit);
    CHECK_EQ(late.iterations, 0u);
    for (int i = 0; i < 20; ++i) CHECK_NEAR(late.action[i / 5][i % 5], cold ? 0.0f : shifted[i], 1e-6);
    // And a plan from it is the one that an explicit start gives.
    mppi.plan(r, 0, next);
    Mppi(model, s, kStep, 1, pool).plan(r, 0, expected, nullptr, cold ? nullptr : shifted.data());
    CHECK(next.finite && expected.finite);
    for (int i = 0; i < 20; ++i) CHECK_NEAR(next.action[i / 5][i % 5], expected.action[i / 5][i % 5], 1e-3);
  }
}

TEST_CASE("mppi: a deadline in the past gives the reference, one in between gives what was done") {
  const RandomSizes k{51, 64, 128, 128, 19, 3, 3, 101, 2, false, -1.0f, 5.5f};
  PlannerSettings s;
  s.samples = 512;
  const Case c = make_case(k, s, 15);
  s.iterations = 10'000;  // a minute of work
  const auto model = packed(c.spec);
  for (const std::uint32_t threads : {1u, 2u}) {
    ThreadPool pool(threads, {}, 20'000);
    Mppi mppi(model, s, kStep, 1, pool);
    Plan plan;
    mppi.plan(c.request, 1, plan);
    CHECK(plan.finite && plan.deadline_hit);
    CHECK_EQ(plan.iterations, 0u);
    CHECK_EQ(plan.samples, 0u);
    for (int j = 0; j < 19; ++j) {
      for (int t = 0; t < 3; ++t) CHECK_EQ(plan.action[t][j], c.request.reference[j]);
    }
    // A busy machine may give this process no CPU for the whole budget: then try a longer one.
    for (std::int64_t budget = 50'000'000; budget < 4'000'000'000; budget *= 4) {
      mppi.reset();
      mppi.plan(c.request, Clock::now() + budget, plan);
      if (plan.samples > 0) break;
    }
    CHECK(plan.finite && plan.deadline_hit);
    CHECK(plan.samples > 0 && plan.iterations < 10'000);
    CHECK_EQ(plan.duration_ns > 0, true);
  }
}

TEST_CASE("mppi: numbers that are not finite are refused, and the next plan is unharmed") {
  const RandomSizes k{13, 24, 40, 24, 5, 3, 3, 21, 2, false, -1.0f, 5.5f};
  const Case c = make_case(k, small(60, 6, 4), 16);
  ThreadPool pool(1, {}, 0);
  Mppi mppi(packed(c.spec), c.settings, kStep, 1, pool), fresh(packed(c.spec), c.settings, kStep, 1, pool);
  Plan want, plan;
  fresh.plan(c.request, 0, want);
  for (int field = 0; field < 4; ++field) {
    PlanRequest bad = c.request;
    (field == 0   ? bad.phi[12]
     : field == 1 ? bad.condition[2]
     : field == 2 ? bad.mixture[0]
                  : bad.reference[4]) = field % 2 ? NAN : INFINITY;
    mppi.plan(bad, 0, plan);
    CHECK(!plan.finite);
    CHECK_EQ(plan.decision, bad.decision);
    mppi.plan(c.request, 0, plan);
    CHECK(same(plan, want));
    mppi.reset();
  }
  PlanRequest huge = c.request;
  huge.phi[0] = 3e38f;  // overflows in the encoder
  mppi.plan(huge, 0, plan);
  for (const auto& row : plan.action) {
    for (const float a : row) CHECK(!plan.finite || std::isfinite(a));
  }
}

TEST_CASE("a model whose weights or sizes are wrong is refused by name") {
  const RandomSizes k{13, 24, 40, 24, 5, 0, 0, 21, 2, false, -1.0f, 5.5f};
  const ModelSpec good = RandomModel(1)(k);
  validate(good);
  ModelSpec bad = good;
  bad.reward.layers[1].weight[7] = NAN;
  CHECK_THROWS(packed(bad), "network reward: a weight is not finite");
  bad = good;
  bad.q[1].layers[2].gain.assign(21, 1.0f);
  bad.q[1].layers[2].norm_bias.assign(21, 0.0f);
  CHECK_THROWS(packed(bad), "must be plain");
  bad = good;
  bad.latent = 32;
  CHECK_THROWS(packed(bad), "outputs, expected 32");
  bad = good;
  bad.dynamics.layers[2].group = 0;
  packed(bad);
  CHECK_THROWS(packed(bad, kernels::Storage::int8), "SimNorm");
  CHECK_THROWS(packed(bad, kernels::Storage::int16), "SimNorm");
  bad = good;
  bad.q[0].layers[1].gain.clear(), bad.q[0].layers[1].norm_bias.clear();
  packed(bad, kernels::Storage::bf16);
  CHECK_THROWS(packed(bad, kernels::Storage::int16), "network q: int16 needs LayerNorm");
  bad = good;
  bad.prior.layers[0].activation = kernels::RowActivation::sigmoid;
  CHECK_THROWS(packed(bad, kernels::Storage::int16), "network prior: int16 needs LayerNorm");
}
