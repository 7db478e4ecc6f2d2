#include "control/tick_recorder.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace metaworld_rt::control {
namespace {

template <class T>
std::span<const std::byte> bytes_of(const T& value) noexcept {
  return std::as_bytes(std::span<const T, 1>(&value, 1));
}
template <class T>
std::span<const std::byte> bytes_of(const T* values, std::size_t n) noexcept {
  return std::as_bytes(std::span<const T>(values, n));
}

SwapRecord identity(const Engine& engine) noexcept {
  SwapRecord record{};
  record.generation = engine.generation;
  const std::size_t n = std::min(engine.bundle->digest.size(), sizeof record.digest - 1);
  std::memcpy(record.digest, engine.bundle->digest.data(), n);
  return record;
}

}  // namespace

void TickRecorder::keyframe(const Engine& engine, const State& state) noexcept {
  if (!ring_) return;
  const SwapRecord record = identity(engine);
  ring_->push(RecordType::keyframe, {bytes_of(record), bytes_of(state)});
}

void TickRecorder::swap(const Engine& engine) noexcept {
  if (!ring_) return;
  const SwapRecord record = identity(engine);
  ring_->push(RecordType::swap, {bytes_of(record)});
}

void TickRecorder::command(const SkillCommand& command) noexcept {
  if (!ring_) return;
  const std::size_t stages = std::min<std::size_t>(command.stage_count, kMaxStages);
  ring_->push(RecordType::command, {bytes_of(command).first(offsetof(SkillCommand, stages) + stages * sizeof(Stage))});
}

void TickRecorder::plan(const Plan& plan, std::size_t joints, bool in_tick) noexcept {
  if (!ring_) return;
  const std::size_t horizon = std::min<std::size_t>(plan.horizon, kMaxHorizon);
  float rows[2 * kMaxHorizon * kMaxJoints];
  float* at = rows;
  for (std::size_t k = 0; k < horizon; ++k) at = std::copy_n(plan.action[k].data(), joints, at);
  for (std::size_t k = 0; k < horizon; ++k) at = std::copy_n(plan.std[k].data(), joints, at);
  ring_->push(in_tick ? RecordType::tick_plan : RecordType::plan,
              {bytes_of(plan).first(offsetof(Plan, action)), bytes_of(rows, 2 * horizon * joints)});
}

void TickRecorder::reset() noexcept {
  if (ring_) ring_->push(RecordType::reset, {});
}

void TickRecorder::tick(const Engine& engine, const State& state, const TickInputs& inputs, std::int64_t observation_t,
                        std::span<const double> observation, const Command& command, const Status& status) noexcept {
  if (!ring_) return;
  const std::size_t joints = engine.limiter.joints(), skills = engine.experts.size();
  const std::span<const double> kept = observation.first(std::min(observation.size(), kMaxObservation));
  TickHeader h{};
  h.t_ns = status.t_ns;
  h.observation_t_ns = observation_t;
  h.tick = status.tick;
  h.decision = status.decision;
  h.wakeup_ns = inputs.timing.wakeup_ns;
  h.duration_ns = inputs.timing.duration_ns;
  h.plan_age_ns = status.plan_age_ns;
  h.semantic_age_ns = status.semantic_age_ns;
  h.missed = inputs.timing.missed;
  h.rungs = state.rungs.now;
  h.stage = status.stage;
  h.command_id = status.command_id;
  h.generation = status.generation;
  h.alpha = status.alpha;
  h.phase = status.phase;
  h.observation_size = static_cast<std::uint16_t>(kept.size());
  h.joints = static_cast<std::uint16_t>(joints);
  h.skills = static_cast<std::uint16_t>(skills);
  h.mode = static_cast<std::uint8_t>(status.mode);
  h.command_mode = static_cast<std::uint8_t>(command.mode);
  h.new_decision = status.new_decision;
  h.plan_used = status.plan_used;
  h.rearm = inputs.rearm;
  h.stop = inputs.stop;
  h.refused_swaps = static_cast<std::uint8_t>(std::min<std::uint32_t>(inputs.refused_swaps, 255));
  h.timed = inputs.timed;
  h.frozen_joint = static_cast<std::uint8_t>(status.frozen_joint + 1);
  ring_->push(RecordType::tick, {bytes_of(h), std::as_bytes(kept), bytes_of(command.q.data(), joints),
                                 bytes_of(status.action.data(), joints), bytes_of(status.mixture.data(), skills)});
}

}  // namespace metaworld_rt::control
