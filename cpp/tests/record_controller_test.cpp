// What a controller writes into the ring is what a replay needs.
#include <cstring>

#include "check.hpp"
#include "control_rig.hpp"
#include "metaworld_rt/record.hpp"

using namespace metaworld_rt;
using toy::Rig;

namespace {

struct Kept {
  RecordType type;
  std::vector<std::byte> bytes;
};

std::vector<Kept> drain(RecordRing& ring) {
  std::vector<Kept> all;
  for (Record r; ring.pop(r);) all.push_back({r.type, {r.bytes.begin(), r.bytes.end()}});
  return all;
}

/// Feeds one recorded flight into a controller and counts the ticks that came out different.
std::size_t differences(Controller& controller, const std::vector<Kept>& records, std::size_t from) {
  std::size_t different = 0, ticks = 0;
  for (std::size_t i = from; i < records.size(); ++i) {
    const Kept& k = records[i];
    if (k.type == RecordType::command) controller.post(decode_command(k.bytes));
    if (k.type == RecordType::plan) controller.post_plan(decode_plan(k.bytes));
    if (k.type != RecordType::tick) continue;
    const TickView view = decode_tick(k.bytes);
    const TickHeader& h = view.header;
    if (h.timed) controller.report({h.missed, h.wakeup_ns, h.duration_ns});
    if (h.stop) controller.request_stop();
    if (h.rearm) controller.rearm();
    for (int r = 0; r < h.refused_swaps; ++r) controller.note_refused_swap();
    Command command;
    Status status;
    controller.step(h.t_ns, h.observation_t_ns, view.observation, command, status);
    different += std::memcmp(command.q.data(), view.q.data(), view.q.size() * sizeof(double)) != 0 ||
                 std::memcmp(status.action.data(), view.action.data(), view.action.size() * sizeof(float)) != 0 ||
                 static_cast<std::uint8_t>(command.mode) != h.command_mode || status.tick != h.tick;
    ++ticks;
  }
  return ticks == 0 ? SIZE_MAX : different;
}

/// A flight with everything in it: commands, plans, bad observations, stops, missed deadlines.
void fly(Rig& rig) {
  toy::ConstantPlanner planner(0.3f);
  PlanRequest request;
  Plan plan;
  for (int i = 0; i < 3000; ++i) {
    rig.observation[0] = std::sin(0.01 * i);
    if (i % 400 == 50) rig.controller.post(toy::only(static_cast<std::uint32_t>(i / 400) % 3, 1, 0.5f));
    if (i == 777) rig.controller.request_stop();
    if (i == 900) rig.controller.rearm();
    if (i == 1000) rig.controller.note_refused_swap();
    if (i % 3 == 0) rig.controller.report({i % 50 == 0 ? 1u : 0u, 5, 7});
    if (i == 1500) rig.set(ObservationKind::base_quat, {0, 0, 0, 0});
    if (i == 1510) rig.set(ObservationKind::base_quat, {1, 0, 0, 0});
    if (i == 2000) rig.t += 700 * toy::kMs;
    rig.tick();
    if (rig.controller.take_request(request) && i % 7 != 0 && i % 1000 < 500) {
      planner.plan(request, 0, plan);
      rig.controller.post_plan(plan);
    }
  }
}

}  // namespace

TEST_CASE("record: every tick with its inputs and outputs, decoded as it was") {
  Rig rig;
  RecordRing ring(1 << 20);
  rig.controller.set_recorder(&ring);
  SkillCommand c = toy::only(2, 42);
  c.stages[0].goal.speed = 1.25f;
  rig.controller.post(c);
  rig.controller.report({1, 11, 22});
  rig.tick();
  const auto records = drain(ring);
  CHECK_EQ(records.size(), 3u);
  CHECK(records[0].type == RecordType::keyframe);
  CHECK_EQ(std::string(decode_swap(records[0].bytes).digest), rig.bundle_->digest);
  CHECK(records[1].type == RecordType::command);
  const SkillCommand got = decode_command(records[1].bytes);
  CHECK_EQ(got.id, 42u);
  CHECK_EQ(got.stages[0].goal.speed, 1.25f);
  CHECK_EQ(got.stages[0].weights[2], 1.0f);
  const TickView view = decode_tick(records[2].bytes);
  CHECK_EQ(view.header.t_ns, rig.status.t_ns);
  CHECK_EQ(view.header.missed, 1u);
  CHECK_EQ(view.header.duration_ns, 22);
  CHECK(view.observation == rig.observation);
  CHECK_EQ(view.q[2], rig.command.q[2]);
  CHECK_EQ(view.action[2], rig.status.action[2]);
  CHECK_EQ(view.mixture[2], 1.0f);
  CHECK_EQ(view.header.rungs, 1u << static_cast<unsigned>(Rung::deadline_missed));
}

TEST_CASE("record: a plan keeps its bits, of the joints and steps that it has") {
  Rig rig;
  RecordRing ring(1 << 20);
  rig.controller.set_recorder(&ring);
  Plan plan;
  plan.horizon = 4;
  plan.dt_ns = 20 * toy::kMs;
  plan.value = 3.5f;
  for (std::size_t k = 0; k < 4; ++k)
    for (std::size_t j = 0; j < toy::kJoints; ++j)
      plan.action[k][j] = 0.1f * static_cast<float>(k * 10 + j), plan.std[k][j] = 1.0f / static_cast<float>(k + j + 1);
  rig.controller.post_plan(plan);
  rig.tick();
  const Plan got = decode_plan(drain(ring)[1].bytes);
  CHECK_EQ(std::memcmp(&got.action, &plan.action, sizeof plan.action), 0);
  CHECK_EQ(std::memcmp(&got.std, &plan.std, sizeof plan.std), 0);
  CHECK_EQ(got.value, 3.5f);
}

TEST_CASE("record: a flight is reproduced bit for bit, from its start and from every keyframe") {
  Bundle b = toy::bundle();
  b.gate = toy::linear(b.feature_size, 3, std::vector<float>(3 * b.feature_size, 0.02f), {0.1f, 0, 0});
  b.experts[1].network =
      toy::linear(b.feature_size, toy::kJoints, std::vector<float>(3 * b.feature_size, 0.03f), {0, 0, 0});
  Rig rig(b);
  RecordRing ring(16 << 20);
  rig.controller.set_recorder(&ring);
  fly(rig);
  CHECK_EQ(ring.dropped(), 0u);
  const auto records = drain(ring);
  Controller again(rig.bundle_);
  CHECK_EQ(differences(again, records, 0), 0u);
  int keyframes = 0;
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (records[i].type != RecordType::keyframe) continue;
    Controller from_here(rig.bundle_);
    from_here.restore(records[i].bytes);
    CHECK_EQ(differences(from_here, records, i), 0u);
    ++keyframes;
  }
  CHECK_EQ(keyframes, 6);
  // The comparison can fail: another bundle flies differently, and is refused at the keyframe.
  Bundle other = b;
  other.digest = "another";
  other.experts[1].network = toy::linear(b.feature_size, toy::kJoints, {}, {0.1f, 0, 0});
  Controller wrong(toy::share(other));
  CHECK(differences(wrong, records, 0) > 100);
  CHECK_THROWS(wrong.restore(records[0].bytes), "digest");
  CHECK_THROWS(wrong.restore(std::span(records[0].bytes).first(100)), "another version");
}
