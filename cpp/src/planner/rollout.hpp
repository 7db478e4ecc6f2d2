// A block of trajectories through the world model, from z0 to its value.
#pragma once

#include <atomic>
#include <cstdint>

#include "planner/workspace.hpp"

namespace metaworld_rt::planner {

/// Where a trajectory's actions come from.
enum class Source : std::uint8_t {
  given,   ///< PlanState::actions
  prior,   ///< the policy prior, followed through the dynamics; actions are written
  expert,  ///< the reference along the trajectory, likewise
};

/// Rows [first, first + rows) of the candidates, all from one source.
struct Block {
  Source source = Source::given;
  std::uint32_t first = 0, rows = 0;
};

/// What a rollout asks now and then: true once the time is up.
class Clock {
 public:
  void start(std::int64_t deadline_ns) noexcept { deadline_ns_ = deadline_ns; }
  /// True if less than `needed_ns` is left. Without a deadline: never. Real-time safe (vDSO clock).
  bool up(std::int64_t needed_ns = 0) const noexcept { return deadline_ns_ != 0 && now() + needed_ns >= deadline_ns_; }
  static std::int64_t now() noexcept;

 private:
  std::int64_t deadline_ns_ = 0;
};

/// Puts the shares of c and z0 into the biases; z0 from phi. False if z0 is not finite.
bool begin_plan(const PackedModel& m, const PlanRequest& request, Scratch& scratch, PlanState& state) noexcept;

/// Values of a block into state.value (not finite: -infinity). `noise`: of the seeds of its source, [H][count][A] with
/// the block's first row at `noise_first`; null: from `state.seed`. False if the time was up before the end.
struct RolloutInputs {
  const PackedModel& model;
  const PlannerSettings& settings;
  const Clock& clock;
  std::uint64_t seed = 0, stream = 0;
  const NoiseView* noise = nullptr;
};
bool rollout(const RolloutInputs& in, const Block& block, Scratch& scratch, PlanState& state) noexcept;

}  // namespace metaworld_rt::planner
