#include <algorithm>
#include <cstddef>
#include <cstring>

#include "metaworld_rt/error.hpp"
#include "metaworld_rt/record.hpp"

namespace metaworld_rt {
namespace {

/// Reads plain values off the front of a record; a record from a file is untrusted input.
class Reader {
 public:
  Reader(std::span<const std::byte> bytes, const char* what) : bytes_(bytes), what_(what) {}
  void read(void* to, std::size_t bytes) {
    if (bytes > bytes_.size()) fail();
    if (bytes > 0) std::memcpy(to, bytes_.data(), bytes);
    bytes_ = bytes_.subspan(bytes);
  }
  template <class T>
  std::vector<T> array(std::size_t n) {
    if (n * sizeof(T) > bytes_.size()) fail();
    std::vector<T> values(n);
    read(values.data(), n * sizeof(T));
    return values;
  }
  std::size_t left() const { return bytes_.size(); }
  void end() const {
    if (!bytes_.empty()) fail();
  }
  [[noreturn]] void fail() const { throw Error(std::string("flight record: damaged ") + what_ + " record"); }

 private:
  std::span<const std::byte> bytes_;
  const char* what_;
};

}  // namespace

TickView decode_tick(std::span<const std::byte> bytes) {
  Reader in(bytes, "tick");
  TickView view;
  in.read(&view.header, sizeof view.header);
  const TickHeader& h = view.header;
  if (h.joints > kMaxJoints || h.skills > kMaxSkills || h.observation_size > kMaxObservation) in.fail();
  view.observation = in.array<double>(h.observation_size);
  view.q = in.array<double>(h.joints);
  view.action = in.array<float>(h.joints);
  view.mixture = in.array<float>(h.skills);
  in.end();
  return view;
}

SkillCommand decode_command(std::span<const std::byte> bytes) {
  Reader in(bytes, "command");
  SkillCommand command;
  in.read(&command, offsetof(SkillCommand, stages));
  if (in.left() % sizeof(Stage) != 0 || in.left() / sizeof(Stage) > kMaxStages) in.fail();
  for (std::size_t i = 0; in.left() > 0; ++i) in.read(&command.stages[i], sizeof(Stage));
  return command;
}

Plan decode_plan(std::span<const std::byte> bytes) {
  Reader in(bytes, "plan");
  Plan plan;
  in.read(&plan, offsetof(Plan, action));
  const std::size_t rows = 2 * std::min<std::size_t>(plan.horizon, kMaxHorizon);
  if (rows == 0) {
    in.end();
    return plan;
  }
  const std::size_t joints = in.left() / (rows * sizeof(float));
  if (joints > kMaxJoints || joints * rows * sizeof(float) != in.left()) in.fail();
  for (std::size_t k = 0; k < rows / 2; ++k) in.read(plan.action[k].data(), joints * sizeof(float));
  for (std::size_t k = 0; k < rows / 2; ++k) in.read(plan.std[k].data(), joints * sizeof(float));
  return plan;
}

SwapRecord decode_swap(std::span<const std::byte> bytes) {
  Reader in(bytes, "swap");
  SwapRecord record;
  in.read(&record, sizeof record);  // a keyframe goes on after it
  record.digest[sizeof record.digest - 1] = 0;
  return record;
}

}  // namespace metaworld_rt
