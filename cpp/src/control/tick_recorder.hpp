// Writes what a tick read and did into the flight record.
#pragma once

#include <cstdint>
#include <span>

#include "control/engine.hpp"
#include "control/state.hpp"
#include "metaworld_rt/record.hpp"

namespace metaworld_rt::control {

/// What one tick took from its inbox.
struct TickInputs {
  TickTiming timing{};
  bool timed = false;  ///< report() was called
  bool rearm = false, stop = false, plan = false;
  std::uint32_t refused_swaps = 0;
};

/// How often a keyframe is written: a dump of the last seconds can be replayed from the first it holds.
inline constexpr std::uint64_t kKeyframeTicks = 500;

class TickRecorder {
 public:
  void attach(RecordRing* ring) noexcept { ring_ = ring; }
  bool on() const noexcept { return ring_ != nullptr; }

  void keyframe(const Engine& engine, const State& state) noexcept;
  void swap(const Engine& engine) noexcept;
  void command(const SkillCommand& command) noexcept;
  void plan(const Plan& plan, std::size_t joints, bool in_tick) noexcept;
  void reset() noexcept;
  void tick(const Engine& engine, const State& state, const TickInputs& inputs, std::int64_t observation_t,
            std::span<const double> observation, const Command& command, const Status& status) noexcept;

 private:
  RecordRing* ring_ = nullptr;
};

}  // namespace metaworld_rt::control
