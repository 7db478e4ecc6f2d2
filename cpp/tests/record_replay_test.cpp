// A flight with every kind of input is recorded, and its replay gives the same bits.
#include <filesystem>
#include <string>
#include <vector>

#include "check.hpp"
#include "control_rig.hpp"
#include "metaworld_rt/flight_record.hpp"
#include "record/mcap_sink.hpp"
#include "temporary_folder.hpp"

using namespace toy;
using mw::Rung;

namespace {

std::shared_ptr<const mw::Bundle> other_bundle() {
  mw::Bundle b = bundle();
  b.name = "other";
  b.digest = std::string(64, 'b');
  expert(b, "crouch", {0.7f, 0.1f, 0});
  return share(std::move(b));
}

mw::Plan plan_for(const Rig& rig, float a) {
  mw::PlanRequest request;
  request.t_ns = rig.t;
  request.generation = rig.status.generation;
  mw::Plan plan;
  ConstantPlanner(a).plan(request, 0, plan);
  return plan;
}

/// Commands, plans, a swap, bad observations, late ticks, a stop and a re-arm, a reset.
void fly(Rig& rig, const std::shared_ptr<const mw::Bundle>& other) {
  rig.ticks(150);
  rig.controller.post(only(1));
  rig.ticks(200);
  for (int i = 0; i < 10; ++i) {
    rig.controller.post_plan(plan_for(rig, 0.02f * static_cast<float>(i)));
    rig.controller.report({0, 900 + i, 8000});
    rig.ticks(21);
  }
  rig.observation[0] = kNan;
  rig.ticks(5);
  rig.observation[0] = 0.3;
  rig.delay = 30 * kMs;
  rig.ticks(40);
  rig.delay = 0;
  rig.controller.swap(other);  // replaced before a tick took it
  rig.controller.swap(other);
  rig.ticks(300);
  rig.controller.note_refused_swap();
  rig.controller.post(only(3, 2, 0.5f));
  rig.ticks(100);
  rig.t += 700 * kMs;  // the clock jumps
  rig.ticks(50);
  rig.controller.report({25, 0, 0});  // misses enough deadlines for a controlled stop
  rig.ticks(30);
  rig.controller.rearm();
  rig.ticks(200);
  rig.controller.request_stop();
  rig.ticks(20);
  rig.controller.reset();
  rig.ticks(700);
}

std::string only_dump(const mw::FlightReport& report) {
  return report.dumps.size() == 1 ? report.dumps[0].string() : "";
}

}  // namespace

TEST_CASE("replay: every output of a flight with every input is the same bits") {
  const TemporaryFolder folder;
  const auto other = other_bundle();
  Rig rig;
  mw::FlightOptions options;
  options.file = folder.path / "flight.mcap";
  options.note = "walk, then crouch";
  options.seed = 42;
  std::uint64_t ticks = 0;
  {
    mw::FlightRecorder recorder(rig.controller, options);
    recorder.add_bundle(other);
    fly(rig, other);
    ticks = 150 + 200 + 210 + 5 + 40 + 300 + 100 + 50 + 30 + 200 + 20 + 700;
    recorder.stop();
    const mw::FlightReport report = recorder.report();
    CHECK_EQ(report.dropped, 0u);
    CHECK_EQ(report.error, std::string());
    CHECK(report.file_bytes > 100'000);
  }
  const std::vector<std::shared_ptr<const mw::Bundle>> bundles{rig.bundle_, other};
  const mw::ReplayReport replay = mw::replay_flight(options.file, bundles);
  CHECK_EQ(replay.ticks, ticks);
  CHECK_EQ(replay.identical, ticks);
  CHECK(!replay.first);
  CHECK(replay.complete && replay.bit_identical());
  CHECK_EQ(replay.swaps, 1u);
  CHECK_EQ(replay.resets, 1u);
  CHECK_EQ(replay.commands, 2u);
  CHECK_EQ(replay.plans, 10u);
  CHECK_EQ(replay.gaps, 0u);

  const auto about = mw::flight_information(options.file);
  CHECK_EQ(about.at("seed"), "42");
  CHECK_EQ(about.at("note"), "walk, then crouch");
  CHECK_EQ(about.at("bundle_digest"), rig.bundle_->digest);
  CHECK_EQ(about.at("isa"), rig.bundle_->experts[0].network.isa());
}

TEST_CASE("replay: plans made inside the tick are inputs, not made again") {
  const TemporaryFolder folder;
  Rig rig;
  rig.controller.set_planner(std::make_shared<ConstantPlanner>(0.3f));
  mw::FlightOptions options;
  options.file = folder.path / "flight.mcap";
  mw::FlightRecorder recorder(rig.controller, options);
  rig.controller.post(only(1));
  rig.ticks(300);
  recorder.stop();
  const auto replay = mw::replay_flight(options.file, std::vector{rig.bundle_});
  CHECK_EQ(replay.identical, 300u);
  CHECK_EQ(replay.plans, 15u);
}

TEST_CASE("replay: one flipped bit of one observation is found where it first matters") {
  const TemporaryFolder folder;
  mw::Bundle made = empty_bundle();
  std::vector<float> weight(kJoints * made.feature_size, 0.0f);
  weight[0] = 0.5f;  // the first joint follows the height
  made.experts.push_back({"stand", "a toy", "", linear(made.feature_size, kJoints, weight, {0, 0, 0}), 0.0, {}});
  Rig rig(std::move(made));
  mw::FlightOptions options;
  options.file = folder.path / "flight.mcap";
  mw::FlightRecorder recorder(rig.controller, options);
  rig.ticks(400);
  recorder.stop();

  const std::filesystem::path changed = folder.path / "changed.mcap";
  mw::record::McapSink sink(changed, rig.bundle_, mw::flight_information(options.file));
  mw::read_flight(options.file, [&](const mw::Record& record) {
    std::vector<std::byte> bytes(record.bytes.begin(), record.bytes.end());
    mw::Record copy = record;
    if (record.type == mw::RecordType::tick && mw::decode_tick(record.bytes).header.tick == 220)
      bytes[sizeof(mw::TickHeader) + 2 * sizeof(double) + 5] ^= std::byte{1};  // base height at a decision
    copy.bytes = bytes;
    sink.write(copy);
  });
  sink.close();
  const auto replay = mw::replay_flight(changed, std::vector{rig.bundle_});
  CHECK_EQ(replay.ticks, 400u);
  CHECK(!replay.bit_identical());
  CHECK(replay.first.has_value());
  if (!replay.first) return;
  CHECK_EQ(replay.first->tick, 220u);
  CHECK_EQ(replay.first->field, "action");
  CHECK_EQ(replay.first->name, "hip");
  CHECK(replay.first->recorded != replay.first->replayed);
}

TEST_CASE("replay: a gap is bridged at the next keyframe") {
  const TemporaryFolder folder;
  Rig rig;
  mw::FlightOptions options;
  options.file = folder.path / "flight.mcap";
  mw::FlightRecorder recorder(rig.controller, options);
  rig.controller.post(only(1));
  rig.ticks(1400);
  recorder.stop();
  const std::filesystem::path holed = folder.path / "holed.mcap";
  mw::record::McapSink sink(holed, rig.bundle_, mw::flight_information(options.file));
  mw::read_flight(options.file, [&](const mw::Record& record) {
    if (record.type == mw::RecordType::tick) {
      const auto tick = mw::decode_tick(record.bytes).header.tick;
      if (tick >= 600 && tick < 610) return;
    }
    sink.write(record);
  });
  sink.close();
  const auto replay = mw::replay_flight(holed, std::vector{rig.bundle_});
  CHECK_EQ(replay.gaps, 1u);
  CHECK_EQ(replay.ticks, 600u + 400u);
  CHECK_EQ(replay.skipped, 390u);
  CHECK(replay.bit_identical());
}

TEST_CASE("replay: the wrong bundle, another instruction set or no flight is refused with the reason") {
  const TemporaryFolder folder;
  Rig rig;
  mw::FlightOptions options;
  options.file = folder.path / "flight.mcap";
  mw::FlightRecorder recorder(rig.controller, options);
  rig.ticks(30);
  recorder.stop();
  CHECK_THROWS(mw::replay_flight(options.file, std::vector{other_bundle()}), std::string(64, 'a'));
  CHECK_THROWS(mw::replay_flight(folder.path / "none.mcap", std::vector{rig.bundle_}), "cannot open");
  auto about = mw::flight_information(options.file);
  about["isa"] = "quantum";
  {
    mw::record::McapSink sink(folder.path / "isa.mcap", rig.bundle_, about);
    mw::read_flight(options.file, [&](const mw::Record& record) { sink.write(record); });
    sink.close();
  }
  CHECK_THROWS(mw::replay_flight(folder.path / "isa.mcap", std::vector{rig.bundle_}), "MWRT_ISA=quantum");
  mw::record::McapWriter(folder.path / "other.mcap").close();
  CHECK_THROWS(mw::flight_information(folder.path / "other.mcap"), "not a metaworld_rt flight");
}

TEST_CASE("flight record: a fault dumps the seconds before and after it, and the dump replays") {
  const TemporaryFolder folder;
  Rig rig;
  mw::FlightOptions options;
  options.dump_folder = folder.path;
  mw::FlightRecorder recorder(rig.controller, options);
  rig.controller.post(only(1));
  for (int i = 0; i < 90; ++i) {  // in pieces, as fast as the drain takes it
    rig.ticks(100);
    while (recorder.report().records < static_cast<std::uint64_t>((i + 1) * 100)) {
    }
  }
  rig.controller.request_stop();
  rig.ticks(1000);
  recorder.stop();
  const auto report = recorder.report();
  CHECK_EQ(report.faults, 1u);
  CHECK_EQ(report.dropped, 0u);
  CHECK_EQ(only_dump(report), (folder.path / "fault-1-controlled_stop.mcap").string());
  if (report.dumps.empty()) return;
  std::uint64_t before = 0, after = 0;
  mw::read_flight(report.dumps[0], [&](const mw::Record& record) {
    if (record.type == mw::RecordType::tick) ++(mw::decode_tick(record.bytes).header.tick < 9000 ? before : after);
  });
  CHECK(before >= 5000 && before <= 6000);
  CHECK(after >= 500 && after <= 502);
  const auto replay = mw::replay_flight(report.dumps[0], std::vector{rig.bundle_});
  CHECK_EQ(replay.ticks, before + after);
  CHECK(replay.bit_identical());
}

TEST_CASE("flight record: options that cannot work are refused, a full disk does not end the recording") {
  Rig rig;
  CHECK_THROWS(mw::FlightRecorder(rig.controller, {}), "give a file");
  mw::FlightOptions options;
  options.dump_folder = "/nonexistent";
  CHECK_THROWS(mw::FlightRecorder(rig.controller, options), "there is no folder /nonexistent");
  if (!std::filesystem::exists("/dev/full")) return;
  options = {};
  options.file = "/dev/full";
  mw::FlightRecorder recorder(rig.controller, options);
  rig.ticks(3000);
  recorder.stop();
  CHECK(recorder.report().error.find("No space left") != std::string::npos);
  CHECK(recorder.report().records > 3000);
}
