#include "record/replay.hpp"

#include <bit>
#include <cstring>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "metaworld_rt/planner_slot.hpp"
#include "record/mcap_reader.hpp"
#include "record/mcap_schemas.hpp"
#include "record/mcap_sink.hpp"

namespace metaworld_rt {

using namespace record;

namespace record {
namespace {

template <class T>
bool same_bits(T a, T b) noexcept {
  return std::memcmp(&a, &b, sizeof a) == 0;
}

template <class T, class U, class Name>
std::optional<Difference> compare_array(const char* field, const std::vector<T>& recorded, const U& replayed,
                                        Name&& name_of) {
  for (std::size_t i = 0; i < recorded.size(); ++i) {
    if (same_bits(recorded[i], replayed[i])) continue;
    Difference d;
    d.field = field;
    d.name = name_of(i);
    d.recorded = static_cast<double>(recorded[i]);
    d.replayed = static_cast<double>(replayed[i]);
    return d;
  }
  return std::nullopt;
}

Difference scalar(const char* field, double recorded, double replayed) {
  Difference d;
  d.field = field;
  d.recorded = recorded;
  d.replayed = replayed;
  return d;
}

}  // namespace

std::optional<Difference> compare_tick(const TickView& recorded, const Command& command, const Status& status,
                                       std::uint32_t rungs, const Bundle& bundle) {
  const TickHeader& h = recorded.header;
  const auto joint = [&](std::size_t i) { return i < bundle.robot.size() ? bundle.robot.joints[i] : std::string(); };
  const auto skill = [&](std::size_t i) { return i < bundle.experts.size() ? bundle.experts[i].name : std::string(); };
  if (h.joints != bundle.robot.size()) return scalar("joints", h.joints, static_cast<double>(bundle.robot.size()));
  if (h.skills != bundle.experts.size()) return scalar("skills", h.skills, static_cast<double>(bundle.experts.size()));
  if (h.decision != status.decision)
    return scalar("decision", static_cast<double>(h.decision), static_cast<double>(status.decision));
  if (h.mode != static_cast<std::uint8_t>(status.mode)) return scalar("mode", h.mode, static_cast<double>(status.mode));
  if (h.command_mode != static_cast<std::uint8_t>(command.mode))
    return scalar("command_mode", h.command_mode, static_cast<double>(command.mode));
  if (auto d = compare_array("mixture", recorded.mixture, status.mixture, skill)) return d;
  if (auto d = compare_array("action", recorded.action, status.action, joint)) return d;
  if (auto d = compare_array("q", recorded.q, command.q, joint)) return d;
  if (h.rungs != rungs) {
    const auto i = static_cast<unsigned>(std::countr_zero(h.rungs ^ rungs));
    Difference d = scalar("rungs", h.rungs >> i & 1u, rungs >> i & 1u);
    if (i < kRungs) d.name = name(static_cast<Rung>(i));
    return d;
  }
  return std::nullopt;
}

}  // namespace record

namespace {

/// What has to be known of a file before its first tick can be run again.
struct Outline {
  std::set<std::uint32_t> planned_in_tick;  // generations
  bool plans_expected = false;              // a missing plan was counted before the first plan came
};

constexpr std::uint32_t kMissingPlan = rung_bit(Rung::late_plan) | rung_bit(Rung::stale_plan);

RecordType type_of(const std::string& topic) {
  for (const BinaryChannel& c : kBinaryChannels)
    if (c.topic == topic) return c.type;
  return RecordType{};
}

/// Hands out the plan that was made in the tick at hand.
class RecordedPlanner final : public Planner {
 public:
  std::optional<Plan> next;
  void plan(const PlanRequest& request, std::int64_t, Plan& plan) noexcept override {
    if (next) {
      plan = *next;
    } else {
      plan = Plan{};
      plan.t_ns = request.t_ns;
      plan.generation = request.generation;
    }
    next.reset();
  }
};

Outline outline_of(const std::filesystem::path& file) {
  Outline outline;
  bool planned = false, in_tick = false;
  read_flight(file, [&](const Record& record) {
    if (record.type == RecordType::plan) planned = true;
    if (record.type == RecordType::tick_plan) planned = in_tick = true;
    if (record.type != RecordType::tick) return;
    const TickView tick = decode_tick(record.bytes);
    if (std::exchange(in_tick, false)) outline.planned_in_tick.insert(tick.header.generation);
    if (!planned && (tick.header.rungs & kMissingPlan) != 0) outline.plans_expected = true;
  });
  return outline;
}

class Replay {
 public:
  Replay(const Metadata& information, BundleBook book, Outline outline)
      : book_(std::move(book)), outline_(std::move(outline)), planner_(std::make_shared<RecordedPlanner>()) {
    const auto flag = [&](const char* key) {
      const auto found = information.find(key);
      return found == information.end() || found->second == "1";
    };
    options_.use_semantic = flag("use_semantic");
    options_.use_gate = flag("use_gate");
    options_.planned_skills_only = flag("planned_skills_only");
    options_.sensor_checks = flag("sensor_checks");
    if (const auto found = information.find("alpha"); found != information.end())
      options_.alpha = std::strtof(found->second.c_str(), nullptr);
  }

  void take(const Record& record) {
    const auto sequence = static_cast<std::uint32_t>(record.sequence);
    if (any_ && sequence != expected_) {
      ++report.gaps;
      lost_ = true;  // an input may be among what is missing: wait for the next keyframe
    }
    any_ = true;
    expected_ = sequence + 1;
    if (record.type == RecordType::keyframe && lost_) return restore(record.bytes);
    if (lost_) {
      if (record.type == RecordType::tick) ++report.skipped;
      return;
    }
    switch (record.type) {
      case RecordType::tick:
        return tick(decode_tick(record.bytes));
      case RecordType::command:
        ++report.commands;
        return controller_->post(decode_command(record.bytes));
      case RecordType::plan:
        ++report.plans;
        return controller_->post_plan(decode_plan(record.bytes));
      case RecordType::tick_plan:
        ++report.plans;
        planner_->next = decode_plan(record.bytes);
        return;
      case RecordType::swap:
        ++report.swaps;
        return swap(decode_swap(record.bytes));
      case RecordType::reset:
        ++report.resets;
        rungs_.fill(0);
        return controller_->reset();
      case RecordType::keyframe:
        return;
    }
  }
  ReplayReport report;

 private:
  std::shared_ptr<const Bundle> find(const std::string& digest) const {
    const auto found = book_.find(digest);
    if (found == book_.end())
      throw Error("the flight was recorded with a bundle of SHA-256 " + digest +
                  ", which is not among those given; pass that bundle with --bundle");
    return found->second;
  }
  std::shared_ptr<Planner> planner_for(std::uint32_t generation) const {
    return outline_.planned_in_tick.contains(generation) ? planner_ : nullptr;
  }
  void restore(std::span<const std::byte> keyframe) {
    const SwapRecord identity = decode_swap(keyframe);
    bundle_ = find(identity.digest);
    controller_ = std::make_unique<Controller>(bundle_, options_);
    controller_->restore(keyframe);
    controller_->set_planner(planner_for(identity.generation));
    if (outline_.plans_expected) controller_->expect_plans(true);
    generation_ = identity.generation;
    known_rungs_ = false;
    lost_ = false;
  }
  /// Generations count every accepted swap, those that no tick took included.
  void swap(const SwapRecord& record) {
    bundle_ = find(record.digest);
    for (unsigned tries = 0; generation_ != record.generation; ++tries) {
      if (tries > 1000) throw Error("flight record: damaged swap record");
      generation_ = controller_->swap(bundle_, planner_for(record.generation));
    }
  }
  void tick(const TickView& recorded) {
    const TickHeader& h = recorded.header;
    for (unsigned i = 0; i < h.refused_swaps; ++i) controller_->note_refused_swap();
    if (h.stop) controller_->request_stop();
    if (h.rearm) controller_->rearm();
    if (h.timed) controller_->report({h.missed, h.wakeup_ns, h.duration_ns});
    Command command;
    Status status;
    controller_->step(h.t_ns, h.observation_t_ns, recorded.observation, command, status);
    std::uint32_t rungs = 0;
    for (std::size_t i = 0; i < kRungs; ++i)
      if (status.rungs[i] != rungs_[i]) rungs |= 1u << i;
    rungs_ = status.rungs;
    if (!std::exchange(known_rungs_, true)) rungs = h.rungs;  // the totals before a keyframe are not known here
    ++report.ticks;
    auto difference = compare_tick(recorded, command, status, rungs, *bundle_);
    if (!difference) {
      ++report.identical;
    } else if (!report.first) {
      difference->tick = h.tick;
      difference->t_ns = h.t_ns;
      report.first = std::move(difference);
    }
  }

  BundleBook book_;
  Outline outline_;
  std::shared_ptr<RecordedPlanner> planner_;
  ControllerOptions options_;
  std::unique_ptr<Controller> controller_;
  std::shared_ptr<const Bundle> bundle_;
  std::array<std::uint64_t, kRungs> rungs_{};
  std::uint32_t expected_ = 0, generation_ = 0;
  bool any_ = false, lost_ = true, known_rungs_ = false;
};

void require_isa(const Metadata& information, const Bundle& bundle) {
  const auto found = information.find("isa");
  const std::string here = isa_of(bundle);
  if (found == information.end() || found->second == here) return;
  throw Error("the flight was recorded with kernels for " + found->second + ", these are for " + here +
              ": the rounding differs, so a bit-exact replay needs the same instruction set; set MWRT_ISA=" +
              found->second + " if this machine has it");
}

}  // namespace

std::map<std::string, std::string> flight_information(const std::filesystem::path& file) {
  McapReader reader(file);
  McapMessage message;
  while (!reader.metadata().contains(std::string(kFlightMetadata)) && reader.next(message)) {
  }
  const auto found = reader.metadata().find(std::string(kFlightMetadata));
  if (found == reader.metadata().end()) throw Error(file.string() + " is an MCAP file, but not a metaworld_rt flight");
  return found->second;
}

bool read_flight(const std::filesystem::path& file, const std::function<void(const Record&)>& visit) {
  McapReader reader(file);
  McapMessage message;
  while (reader.next(message)) {
    Record record;
    record.type = type_of(message.topic);
    if (record.type == RecordType{}) continue;
    record.sequence = message.sequence;
    record.bytes = message.data;
    visit(record);
  }
  return !reader.truncated();
}

ReplayReport replay_flight(const std::filesystem::path& file, std::span<const std::shared_ptr<const Bundle>> bundles) {
  const Metadata information = flight_information(file);
  BundleBook book;
  for (const auto& bundle : bundles)
    if (bundle) book[bundle->digest] = bundle;
  if (book.empty()) throw Error("a replay needs the bundle that the flight was recorded with");
  require_isa(information, *book.begin()->second);
  Replay replay(information, std::move(book), outline_of(file));
  replay.report.complete = read_flight(file, [&](const Record& record) { replay.take(record); });
  return replay.report;
}

}  // namespace metaworld_rt
