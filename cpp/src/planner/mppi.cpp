#include "planner/mppi.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "control/denormals.hpp"

namespace metaworld_rt::planner {
namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();

/// Rows of a block: weights are read once a block, activations must stay in the second-level cache; and a block is what
/// a deadline waits for.
constexpr std::uint32_t kBlockRows = 56;

/// [first, first + rows) in blocks of even size, a multiple of `threads` of them where that leaves enough rows.
void split(std::vector<Block>& out, Source source, std::uint32_t first, std::uint32_t rows, std::uint32_t threads) {
  if (rows == 0) return;
  std::uint32_t count = (rows + kBlockRows - 1) / kBlockRows;
  if (source == Source::given) count = std::min(rows, (count + threads - 1) / threads * threads);
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint32_t begin = rows * i / count, end = rows * (i + 1) / count;
    out.push_back({source, first + begin, end - begin});
  }
}

}  // namespace

struct Mppi::Inputs {
  const PlanRequest& request;
  const NoiseView* noise;
  Trace* trace;
  std::int64_t begun;
  RolloutInputs rollout;
  std::uint32_t iterations = 0, samples = 0;
  bool deadline_hit = false, refitted = false;
};

Mppi::Mppi(std::shared_ptr<const PackedModel> model, const PlannerSettings& settings, std::int64_t dt_ns,
           std::uint64_t seed, ThreadPool& pool)
    : model_(std::move(model)),
      settings_(in_range(settings)),
      dt_ns_(dt_ns),
      seed_(seed),
      pool_(pool),
      state_(*model_, settings_),
      previous_(dt_ns, settings_.horizon, model_->actions, state_.stride) {
  const std::uint32_t prior = settings_.prior_trajectories, experts = settings_.expert_trajectories;
  split(blocks_, Source::prior, 0, prior, 1);
  split(blocks_, Source::expert, prior, experts, 1);
  seed_blocks_ = static_cast<std::uint32_t>(blocks_.size());
  split(blocks_, Source::given, prior + experts, settings_.samples - prior - experts, pool_.threads());
  std::uint32_t rows = 1;
  for (const Block& b : blocks_) rows = std::max(rows, b.rows);
  for (std::uint32_t i = 0; i < pool_.threads(); ++i) scratch_.emplace_back(*model_, settings_, rows);
}

void Mppi::plan(const PlanRequest& request, std::int64_t deadline_ns, Plan& plan, const NoiseView* noise,
                const float* prev_mean, Trace* trace) noexcept {
  const control::FlushDenormals flush;
  Inputs in{request, noise, trace, Clock::now(), {*model_, settings_, clock_, seed_, request.decision, noise}};
  clock_.start(deadline_ns);
  std::copy_n(request.reference.data(), model_->actions, state_.reference.data());
  std::copy_n(request.mixture.data(), model_->experts, state_.mixture.data());
  const bool warm = start(request.t_ns, prev_mean);
  if (!usable(request) || !begin_plan(*model_, request, scratch_[0], state_)) return write(in, plan, false);
  std::fill(state_.value.begin(), state_.value.end(), kNever);
  std::fill(state_.std.begin(), state_.std.end(), 0.0f);
  for (std::uint32_t t = 0; t < settings_.horizon; ++t) {
    std::fill_n(state_.std.data() + std::size_t{t} * state_.stride, model_->actions, settings_.max_std);
  }

  // The seeds' actions do not change, so their values are found once. A cold start needs them before it can sample.
  const auto all = static_cast<std::uint32_t>(blocks_.size());
  std::uint32_t first = 0;
  if (!warm && settings_.expert_trajectories != 0) {
    in.deadline_hit = !evaluate(in, 0, 0, seed_blocks_);
    start_from_experts();
    first = seed_blocks_;
  }
  for (std::uint32_t i = 0; i < settings_.iterations && !in.deadline_hit; ++i) {
    in.deadline_hit = !evaluate(in, i, first, all);
    first = seed_blocks_;
    // Cut short, an iteration still counts if it saw half of its candidates; the first one is better than nothing.
    const std::uint32_t values = finite_values();
    if (in.deadline_hit && i > 0 && values < settings_.samples / 2) break;
    if (values == 0) {
      if (in.deadline_hit) break;
      return write(in, plan, false);
    }
    refit(std::min(settings_.elites, values));
    in.refitted = true;
    if (!in.deadline_hit) ++in.iterations;
    if (trace) record(i, *trace);
  }
  write(in, plan, true);
}

bool Mppi::usable(const PlanRequest& r) const noexcept {
  const auto finite = [](const float* x, std::size_t n) {
    return std::all_of(x, x + n, [](float v) { return std::isfinite(v); });
  };
  return finite(r.phi.data(), model_->features) && finite(r.condition.data(), model_->condition) &&
         finite(r.mixture.data(), model_->experts) && finite(r.reference.data(), model_->actions);
}

/// True for a warm start. Otherwise the mean is the reference held, until something better is known.
bool Mppi::start(std::int64_t t_ns, const float* prev_mean) noexcept {
  const std::uint32_t a = model_->actions;
  if (!prev_mean && previous_.at(t_ns, state_.mean.data())) return true;
  std::fill(state_.mean.begin(), state_.mean.end(), 0.0f);
  if (!prev_mean && settings_.expert_trajectories == 0) return false;
  for (std::uint32_t t = 0; t < settings_.horizon; ++t) {
    const float* from = prev_mean ? prev_mean + std::size_t{t} * a : state_.reference.data();
    std::copy_n(from, a, state_.mean.data() + std::size_t{t} * state_.stride);
  }
  return prev_mean != nullptr;
}

void Mppi::start_from_experts() noexcept {
  const std::uint32_t row = settings_.prior_trajectories;
  if (state_.value[row] == kNever) return;
  std::copy_n(state_.action(row, 0), state_.mean.size(), state_.mean.data());
}

bool Mppi::evaluate(Inputs& in, std::uint32_t iteration, std::uint32_t first_block, std::uint32_t end_block) noexcept {
  if (iteration != 0) std::fill(state_.value.begin() + state_.seeds, state_.value.end(), kNever);
  rows_done_.store(0, std::memory_order_relaxed);
  std::atomic<bool> complete{true};
  auto task = [&](std::uint32_t index, std::uint32_t thread) {
    const Block& block = blocks_[first_block + index];
    const std::int64_t begun = Clock::now();
    Scratch& scratch = scratch_[thread];
    // A plan's first block is always tried; the others only if there is time for one.
    const std::int64_t known = block_ns_.load(std::memory_order_relaxed);
    bool done = !clock_.up(in.samples != 0 ? known : 0);
    if (done) {
      if (block.source == Source::given) draw(in, iteration, block, scratch);
      done = rollout(in.rollout, block, scratch, state_);
    }
    // The longest so far, forgotten slowly: one interruption must not make every later plan give up early.
    const std::int64_t took = done ? Clock::now() - begun : 0;
    block_ns_.store(std::max(took, known - known / 16), std::memory_order_relaxed);
    if (!done) return complete.store(false, std::memory_order_relaxed);
    rows_done_.fetch_add(block.rows, std::memory_order_relaxed);
  };
  pool_.run(end_block - first_block, task);
  in.samples += rows_done_.load(std::memory_order_relaxed);
  return complete.load(std::memory_order_relaxed);
}

/// clamp(mean + std * noise) for a block's rows.
void Mppi::draw(const Inputs& in, std::uint32_t iteration, const Block& block, Scratch& s) noexcept {
  const std::uint32_t a = model_->actions, horizon = settings_.horizon, stride = state_.stride;
  const std::uint32_t sampled = settings_.samples - state_.seeds;
  for (std::uint32_t row = block.first; row < block.first + block.rows; ++row) {
    if (in.noise) {
      for (std::uint32_t t = 0; t < horizon; ++t) {
        const std::size_t at = (std::size_t{iteration} * horizon + t) * sampled + (row - state_.seeds);
        std::copy_n(in.noise->sample + at * a, a, s.noise.data() + std::size_t{t} * a);
      }
    } else {
      model_->kernels.normal({seed_, in.request.decision, row, iteration, s.noise.data(), horizon * a});
    }
    for (std::uint32_t t = 0; t < horizon; ++t) {
      const float* mean = state_.mean.data() + std::size_t{t} * stride;
      const float* std = state_.std.data() + std::size_t{t} * stride;
      const float* noise = s.noise.data() + std::size_t{t} * a;
      float* to = state_.action(row, t);
      for (std::uint32_t j = 0; j < stride; ++j) to[j] = std::min(1.0f, std::max(-1.0f, mean[j] + std[j] * noise[j]));
    }
  }
}

std::uint32_t Mppi::finite_values() const noexcept {
  return static_cast<std::uint32_t>(std::count_if(state_.value.begin(), state_.value.begin() + settings_.samples,
                                                  [](float v) { return v != kNever; }));
}

/// Elites, their softmax weights, and the weighted mean and standard deviation. One thread, one order of summation.
void Mppi::refit(std::uint32_t elites) noexcept {
  const float* value = state_.value.data();
  std::uint32_t* order = state_.order.data();
  for (std::uint32_t i = 0; i < settings_.samples; ++i) order[i] = i;
  const auto better = [value](std::uint32_t a, std::uint32_t b) {
    return value[a] != value[b] ? value[a] > value[b] : a < b;
  };
  std::partial_sort(order, order + elites, order + settings_.samples, better);
  float sum = 0.0f;
  for (std::uint32_t k = 0; k < elites; ++k) {
    sum += state_.score[k] = std::exp(settings_.temperature * (value[order[k]] - value[order[0]]));
  }
  const std::size_t n = state_.mean.size();
  float *mean = state_.mean.data(), *std = state_.std.data();
  std::fill_n(mean, n, 0.0f);
  std::fill_n(std, n, 0.0f);
  for (std::uint32_t k = 0; k < elites; ++k) {
    const float weight = state_.score[k] / sum;
    const float* a = state_.action(order[k], 0);
    for (std::size_t i = 0; i < n; ++i) mean[i] += weight * a[i];
  }
  for (std::uint32_t k = 0; k < elites; ++k) {
    const float weight = state_.score[k] / sum;
    const float* a = state_.action(order[k], 0);
    for (std::size_t i = 0; i < n; ++i) std[i] += weight * (a[i] - mean[i]) * (a[i] - mean[i]);
  }
  for (std::uint32_t t = 0; t < settings_.horizon; ++t) {
    float* row = std + std::size_t{t} * state_.stride;
    for (std::uint32_t j = 0; j < state_.stride; ++j) {
      row[j] = j < model_->actions ? std::clamp(std::sqrt(row[j]), settings_.min_std, settings_.max_std) : 0.0f;
    }
  }
}

void Mppi::write(const Inputs& in, Plan& plan, bool usable) noexcept {
  plan = {};
  plan.t_ns = in.request.t_ns;
  plan.dt_ns = dt_ns_;
  plan.decision = in.request.decision;
  plan.generation = in.request.generation;
  plan.horizon = settings_.horizon;
  plan.iterations = in.iterations;
  plan.samples = in.samples;
  plan.deadline_hit = in.deadline_hit;
  plan.finite = usable;
  plan.value = in.refitted ? state_.value[state_.order[0]] : 0.0f;
  for (std::uint32_t t = 0; t < settings_.horizon; ++t) {
    for (std::uint32_t j = 0; j < model_->actions; ++j) {
      const float a = state_.mean[std::size_t{t} * state_.stride + j];
      plan.finite = plan.finite && std::isfinite(a);
      plan.action[t][j] = a;
      plan.std[t][j] = state_.std[std::size_t{t} * state_.stride + j];
    }
  }
  previous_.keep(in.request.t_ns, state_.mean.data(), plan.finite);
  plan.duration_ns = Clock::now() - in.begun;
}

void Mppi::record(std::uint32_t iteration, Trace& trace) {
  const std::uint32_t a = model_->actions, horizon = settings_.horizon, n = settings_.samples;
  if (iteration == 0) trace = {};
  trace.values.insert(trace.values.end(), state_.value.begin(), state_.value.begin() + n);
  trace.elites.insert(trace.elites.end(), state_.order.begin(), state_.order.begin() + settings_.elites);
  for (std::uint32_t t = 0; t < horizon; ++t) {
    const auto at = static_cast<std::ptrdiff_t>(std::size_t{t} * state_.stride);
    trace.mean.insert(trace.mean.end(), state_.mean.begin() + at, state_.mean.begin() + at + a);
    trace.std.insert(trace.std.end(), state_.std.begin() + at, state_.std.begin() + at + a);
  }
  for (std::uint32_t i = 0; i < n; ++i) {
    for (std::uint32_t t = 0; t < horizon; ++t) {
      const float* action = state_.action(i, t);
      trace.actions.insert(trace.actions.end(), action, action + a);
    }
  }
}

double Mppi::flop() const noexcept {
  const double h = settings_.horizon, i = settings_.iterations, guided = settings_.guidance != 0.0f ? 1.0 : 0.0;
  const double body =
      model_->first_step_flop + (h - 1) * (model_->step_flop + guided * model_->expert_flop) + model_->terminal_flop;
  const double seeds = settings_.prior_trajectories * h * model_->prior_flop +
                       settings_.expert_trajectories * (1.0 - guided) * (h - 1) * model_->expert_flop;
  return (i * (settings_.samples - state_.seeds) + state_.seeds) * body + seeds;
}

}  // namespace metaworld_rt::planner
