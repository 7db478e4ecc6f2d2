#include "skills/fusion.hpp"

#include <cmath>

#include "check.hpp"
#include "skills/expert_library.hpp"
#include "skills/gate.hpp"
#include "toy_bundle.hpp"

using namespace metaworld_rt;

TEST_CASE("fusion: w~ = alpha w + (1 - alpha) p") {
  const float w[] = {1, 0, 0}, p[] = {0.2f, 0.5f, 0.3f};
  float out[3];
  skills::fuse(w, p, 0.75f, 3, out);
  CHECK_NEAR(static_cast<double>(out[0]), 0.8, 1e-6);
  CHECK_NEAR(static_cast<double>(out[1]), 0.125, 1e-6);
  CHECK_NEAR(static_cast<double>(out[2]), 0.075, 1e-6);
}

TEST_CASE("fusion: a negligible weight is dropped and the rest still sums to 1") {
  const float w[] = {0.9995f, 0.0005f, 0}, p[] = {0, 0, 1};
  float out[3];
  skills::fuse(w, p, 1.0f, 3, out);
  CHECK_EQ(out[0], 1.0f);
  CHECK_EQ(out[1], 0.0f);
  skills::fuse(w, p, 0.5f, 3, out);
  CHECK_EQ(out[1], 0.0f);
  CHECK_NEAR(static_cast<double>(out[0] + out[2]), 1.0, 1e-6);
}

TEST_CASE("experts: the reference is the weighted sum; each is clamped alone; weight 0 is not run") {
  Bundle b = toy::bundle();
  toy::expert(b, "wild", {4.0f, NAN, -4.0f});
  const skills::ExpertLibrary library(b);
  Workspace workspace;
  for (const Expert& e : b.experts) workspace.reserve(e.network);
  const std::vector<float> phi(b.feature_size, 0.5f);
  float a[kMaxJoints];
  const float mixture[] = {0.25f, 0.5f, 0.25f, 0.0f};
  CHECK(library.reference(phi.data(), mixture, workspace, a));
  CHECK_NEAR(static_cast<double>(a[0]), 0.25, 1e-6);
  CHECK_NEAR(static_cast<double>(a[1]), -0.25, 1e-6);
  CHECK_NEAR(static_cast<double>(a[2]), 0.375, 1e-6);
  const float wild[] = {0, 0.5f, 0, 0.5f};
  CHECK(!library.reference(phi.data(), wild, workspace, a));
  CHECK_NEAR(static_cast<double>(a[0]), 0.75, 1e-6);  // 0.5 * 0.5 + 0.5 * clamp(4)
  CHECK_NEAR(static_cast<double>(a[2]), -0.375, 1e-6);
}

TEST_CASE("experts: the gait's rate is the sum of w / period over those that have one") {
  Bundle b = toy::bundle();
  toy::expert(b, "run", {0, 0, 0}, 0.25);
  const skills::ExpertLibrary library(b);
  const float w[] = {0.5f, 0.25f, 0, 0.25f};
  CHECK_NEAR(library.phase_rate(w), 0.25 / 0.5 + 0.25 / 0.25, 1e-6);
}

TEST_CASE("experts: one of the wrong shape is refused by name") {
  Bundle b = toy::bundle();
  b.experts[2].network = toy::linear(b.feature_size, 2, {}, {0, 0});
  CHECK_THROWS(skills::ExpertLibrary{b}, "expert \"wave\"");
}

TEST_CASE("gate: softmax of the logits; none, or one that is not finite, repeats the command") {
  Bundle b = toy::bundle();
  const float commanded[] = {0.5f, 0.25f, 0.25f};
  const std::vector<float> phi(b.feature_size, 0.0f);
  Workspace workspace;
  float p[3];
  const skills::Gate none(b, true);
  CHECK(!none.trained());
  CHECK(none.probabilities(phi.data(), commanded, 1.0f, workspace, p));
  CHECK_EQ(p[1], 0.25f);

  b.gate = toy::linear(b.feature_size, 3, {}, {0.0f, std::log(3.0f), -1000.0f});
  workspace.reserve(*b.gate);
  const skills::Gate gate(b, true);
  CHECK(gate.trained());
  CHECK(gate.probabilities(phi.data(), commanded, 1.0f, workspace, p));
  CHECK_NEAR(static_cast<double>(p[0]), 0.25, 1e-6);
  CHECK_NEAR(static_cast<double>(p[1]), 0.75, 1e-6);
  CHECK_EQ(p[2], 0.0f);
  CHECK(!skills::Gate(b, false).trained());

  b.gate = toy::linear(b.feature_size, 3, {}, {0, NAN, 0});
  const skills::Gate broken(b, true);
  CHECK(!broken.probabilities(phi.data(), commanded, 1.0f, workspace, p));
  CHECK_EQ(p[0], 0.5f);

  b.gate = toy::linear(b.feature_size, 2, {}, {0, 0});
  CHECK_THROWS((skills::Gate{b, true}), "one logit an expert");
}

TEST_CASE("gate: one with a condition reads the command, as far as it is trusted") {
  Bundle b = toy::bundle();
  b.alpha = 0.5f;
  b.gate_condition = 3;
  std::vector<float> weight(3 * (b.feature_size + 3), 0.0f);
  for (std::size_t i = 0; i < 3; ++i) weight[i * (b.feature_size + 3) + b.feature_size + i] = 2.0f * std::log(3.0f);
  b.gate = toy::linear(b.feature_size + 3, 3, weight, {0, 0, -1000.0f});
  Workspace workspace;
  workspace.reserve(*b.gate);
  const skills::Gate gate(b, true);
  const std::vector<float> phi(b.feature_size, 1.0f);
  const float commanded[] = {0, 1, 0};
  const auto second = [&](float alpha) {
    float p[3];
    CHECK(gate.probabilities(phi.data(), commanded, gate.trust(alpha), workspace, p));
    return static_cast<double>(p[1]);
  };
  CHECK_NEAR(second(0.0f), 0.5, 1e-6);
  CHECK_NEAR(second(0.25f), 0.75, 1e-6);
  CHECK_NEAR(second(0.5f), 0.9, 1e-6);
  CHECK_NEAR(second(1.0f), 0.9, 1e-6);
  b.gate_condition = 0;
  CHECK_THROWS((skills::Gate{b, true}), "the features to one logit an expert");
}
