#include <algorithm>
#include <cmath>

#include "metaworld_rt/error.hpp"
#include "metaworld_rt/onnxruntime.hpp"
#include "model/sha256.hpp"
#include "planner/rollout.hpp"
#include "planner/warm_start.hpp"

namespace metaworld_rt {

using planner::Clock;

struct OrtPlanner::Impl {
  std::shared_ptr<const Bundle> bundle;
  PlannerSettings s;
  std::uint64_t seed;
  OrtSession session;
  std::uint32_t actions, sampled;
  const kernels::BatchKernels& kernels = kernels::batch_kernels(kernels::active_isa());
  std::vector<std::vector<float>> inputs, outputs;
  std::vector<const float*> in;
  std::vector<float*> out;
  float *phi, *c, *mixture, *reference, *prev_mean, *warm, *prior_noise, *expert_noise, *sample_noise;
  const float *mean, *std, *values;
  kernels::AlignedVector<float> noise;
  planner::WarmStart previous;
  std::int64_t dt_ns;
  std::string error;

  Impl(std::shared_ptr<const Bundle> b, std::span<const std::byte> plan_onnx, const OrtOptions& options,
       std::uint64_t seed_)
      : bundle(checked(std::move(b), plan_onnx)),
        s(planner::in_range(bundle->planner.value_or(PlannerSettings{}))),
        seed(seed_),
        session(plan_onnx, options),
        actions(static_cast<std::uint32_t>(bundle->robot.size())),
        sampled(s.samples - s.prior_trajectories - s.expert_trajectories),
        noise(kernels::padded(std::size_t{s.horizon} * actions) + 64),
        previous(step_ns(*bundle), s.horizon, actions, actions),
        dt_ns(step_ns(*bundle)) {
    for (const OrtTensor& t : session.inputs()) inputs.emplace_back(t.size, 0.0f);
    for (const OrtTensor& t : session.outputs()) outputs.emplace_back(t.size, 0.0f);
    for (const auto& v : inputs) in.push_back(v.data());
    for (auto& v : outputs) out.push_back(v.data());
    const std::size_t h = s.horizon, a = actions, experts = bundle->experts.size();
    phi = input("phi", bundle->feature_size, false);
    c = input("c", bundle->world_model->condition, true);
    mixture = input("mixture", experts, true);
    reference = input("reference", a, true);
    prev_mean = input("prev_mean", h * a, false);
    warm = input("warm", 1, true);
    prior_noise = input("prior_noise", h * s.prior_trajectories * a, true);
    expert_noise = input("expert_noise", h * s.expert_trajectories * a, true);
    sample_noise = input("sample_noise", s.iterations * h * sampled * a, false);
    mean = output("mean", h * a);
    std = output("std", h * a);
    values = output("values", std::size_t{s.iterations} * s.samples);
  }

  static std::int64_t step_ns(const Bundle& b) { return static_cast<std::int64_t>(std::llround(1e9 / b.decision_hz)); }

  static std::shared_ptr<const Bundle> checked(std::shared_ptr<const Bundle> b, std::span<const std::byte> plan_onnx) {
    if (!b || !b->world_model) throw Error("planner: it needs a bundle with a world model");
    const auto file = b->files.find(b->world_model->plan_file);
    if (file != b->files.end() && file->second.sha256 != model::sha256_hex(plan_onnx)) {
      throw Error(b->world_model->plan_file + ": these are not the bytes that bundle " + b->name + " names");
    }
    return b;
  }

  /// Null if the graph does without an input that it may leave out.
  float* input(const char* name, std::size_t size, bool optional) {
    const auto tensors = session.inputs();
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      if (tensors[i].name != name) continue;
      if (tensors[i].size == size) return inputs[i].data();
      throw Error(std::string("plan.onnx: input \"") + name + "\" has " + std::to_string(tensors[i].size) +
                  " values, the bundle needs " + std::to_string(size));
    }
    if (!optional) throw Error(std::string("plan.onnx has no input \"") + name + "\"");
    return nullptr;
  }
  const float* output(const char* name, std::size_t size) {
    const auto tensors = session.outputs();
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      if (tensors[i].name == name && tensors[i].size == size) return outputs[i].data();
    }
    throw Error(std::string("plan.onnx has no output \"") + name + "\" of the size that the bundle needs");
  }

  static bool fill(float* to, const float* from, std::size_t n) {
    if (to) std::copy_n(from, n, to);
    return std::all_of(from, from + n, [](float x) { return std::isfinite(x); });
  }

  /// The numbers that MppiPlanner draws, in the graph's order.
  void draw(std::uint64_t decision) {
    const std::uint32_t a = actions, h = s.horizon, prior = s.prior_trajectories, seeds = prior + s.expert_trajectories;
    const auto normal = [&](std::uint32_t row, std::uint32_t iteration, std::uint32_t n) {
      kernels.normal({seed, decision, row, iteration, noise.data(), n});
      return noise.data();
    };
    for (std::uint32_t row = 0; row < seeds; ++row) {
      for (std::uint32_t t = 0; t < h; ++t) {
        const bool is_prior = row < prior;
        float* to = is_prior ? prior_noise : expert_noise;
        const std::uint32_t k = is_prior ? row : row - prior, count = is_prior ? prior : seeds - prior;
        if (to) std::copy_n(normal(row, 0xffffffffu - t, a), a, to + (std::size_t{t} * count + k) * a);
      }
    }
    for (std::uint32_t i = 0; i < s.iterations; ++i) {
      for (std::uint32_t k = 0; k < sampled; ++k) {
        const float* from = normal(seeds + k, i, h * a);
        for (std::uint32_t t = 0; t < h; ++t) {
          std::copy_n(from + t * a, a, sample_noise + ((std::size_t{i} * h + t) * sampled + k) * a);
        }
      }
    }
  }

  bool run(const PlanRequest& r) {
    bool finite = fill(phi, r.phi.data(), bundle->feature_size);
    finite = fill(c, r.condition.data(), bundle->world_model->condition) && finite;
    finite = fill(mixture, r.mixture.data(), bundle->experts.size()) && finite;
    finite = fill(reference, r.reference.data(), actions) && finite;
    const bool is_warm = previous.at(r.t_ns, prev_mean);
    if (warm) *warm = is_warm ? 1.0f : 0.0f;
    if (!finite) {
      error = "the request has a number that is not finite";
      return false;
    }
    draw(r.decision);
    session.run(in, out);
    return true;
  }
};

OrtPlanner::OrtPlanner(std::shared_ptr<const Bundle> bundle, std::span<const std::byte> plan_onnx,
                       const OrtOptions& options, std::uint64_t seed)
    : impl_(std::make_unique<Impl>(std::move(bundle), plan_onnx, options, seed)) {}

OrtPlanner::~OrtPlanner() = default;

void OrtPlanner::reset() noexcept { impl_->previous.forget(); }
const std::string& OrtPlanner::last_error() const noexcept { return impl_->error; }

void OrtPlanner::plan(const PlanRequest& request, std::int64_t deadline_ns, Plan& plan) noexcept {
  Impl& m = *impl_;
  const std::int64_t begun = Clock::now();
  plan = {};
  plan.t_ns = request.t_ns;
  plan.dt_ns = m.dt_ns;
  plan.decision = request.decision;
  plan.generation = request.generation;
  plan.horizon = m.s.horizon;
  try {
    plan.finite = m.run(request);
  } catch (const std::exception& e) {
    m.error = e.what();
  }
  if (plan.finite) {
    for (std::uint32_t t = 0; t < m.s.horizon; ++t) {
      for (std::uint32_t j = 0; j < m.actions; ++j) {
        plan.action[t][j] = m.mean[t * m.actions + j];
        plan.std[t][j] = m.std[t * m.actions + j];
        plan.finite = plan.finite && std::isfinite(plan.action[t][j]);
      }
    }
    plan.iterations = m.s.iterations;
    plan.samples = m.s.iterations * m.s.samples;
    const float* last = m.values + std::size_t{m.s.iterations - 1} * m.s.samples;
    plan.value = *std::max_element(last, last + m.s.samples);
  }
  m.previous.keep(request.t_ns, m.mean, plan.finite);
  plan.duration_ns = Clock::now() - begun;
  plan.deadline_hit = deadline_ns != 0 && Clock::now() > deadline_ns;
}

}  // namespace metaworld_rt
