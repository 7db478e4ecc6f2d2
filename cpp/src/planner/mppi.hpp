// Model predictive path integral control in a latent space: TD-MPC2's planner (arXiv 2310.16828) with expert seeds and
// guidance. docs/bundle.md, "The planner, exactly", is this class in words.
#pragma once

#include <memory>
#include <vector>

#include "planner/rollout.hpp"
#include "planner/thread_pool.hpp"
#include "planner/warm_start.hpp"

namespace metaworld_rt::planner {

class Mppi {
 public:
  /// `dt_ns`: the model's step. `pool` must outlive this and serve one caller at a time.
  Mppi(std::shared_ptr<const PackedModel> model, const PlannerSettings& settings, std::int64_t dt_ns,
       std::uint64_t seed, ThreadPool& pool);

  /// See Planner::plan. `noise` replaces the generator's numbers, `prev_mean` [H][A] the warm start; `trace` is filled
  /// (it allocates).
  void plan(const PlanRequest& request, std::int64_t deadline_ns, Plan& plan, const NoiseView* noise = nullptr,
            const float* prev_mean = nullptr, Trace* trace = nullptr) noexcept;
  void reset() noexcept { previous_.forget(); }

  const PackedModel& model() const noexcept { return *model_; }
  const PlannerSettings& settings() const noexcept { return settings_; }
  /// Floating-point operations (two a multiply-add) of a plan that runs to its end, padding not counted.
  double flop() const noexcept;

 private:
  struct Inputs;
  bool usable(const PlanRequest& request) const noexcept;
  bool start(std::int64_t t_ns, const float* prev_mean) noexcept;
  bool evaluate(Inputs& in, std::uint32_t iteration, std::uint32_t first_block, std::uint32_t end_block) noexcept;
  void draw(const Inputs& in, std::uint32_t iteration, const Block& block, Scratch& scratch) noexcept;
  std::uint32_t finite_values() const noexcept;
  void refit(std::uint32_t elites) noexcept;
  void start_from_experts() noexcept;
  void write(const Inputs& in, Plan& plan, bool usable) noexcept;
  void record(std::uint32_t iteration, Trace& trace);

  std::shared_ptr<const PackedModel> model_;
  PlannerSettings settings_;
  std::int64_t dt_ns_;
  std::uint64_t seed_;
  ThreadPool& pool_;
  PlanState state_;
  std::vector<Scratch> scratch_;  ///< one a thread
  std::vector<Block> blocks_;     ///< seeds first
  std::uint32_t seed_blocks_ = 0;
  Clock clock_;
  std::atomic<std::int64_t> block_ns_{0};    ///< the longest block lately
  std::atomic<std::uint32_t> rows_done_{0};  ///< in this call of evaluate()
  WarmStart previous_;
};

}  // namespace metaworld_rt::planner
