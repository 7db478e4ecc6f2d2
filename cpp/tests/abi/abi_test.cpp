// The C interface as a host sees it: the shared library and its header, nothing else.
#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "check.hpp"
#include "metaworld_rt.h"

namespace {

const char* const kBundle = MWRT_TEST_DATA_DIR "/toy_bundle";
constexpr std::int64_t kMs = 1'000'000;

template <class T>
T init() {
  T object;
  MWRT_INIT(object);
  return object;
}

struct Host {
  explicit Host(const mwrt_options* options = nullptr) {
    CHECK_EQ(mwrt_bundle_load(kBundle, &bundle), MWRT_OK);
    CHECK_EQ(mwrt_bundle_get_info(bundle, &info), MWRT_OK);
    CHECK_EQ(mwrt_controller_create(bundle, options, &controller), MWRT_OK);
    observation.assign(info.observation_size, 0.0);
    observation[2] = 0.98;
    observation[3] = 1.0;
  }
  ~Host() {
    mwrt_controller_destroy(controller);
    mwrt_bundle_release(bundle);
  }
  mwrt_result tick() {
    observation.back() += 1e-9;
    for (std::uint32_t i = 0; i < info.joints; ++i) observation[7 + i] = observation[7 + i] == 0.0 ? 1e-12 : 0.0;
    const mwrt_result r =
        mwrt_controller_step(controller, t, t, observation.data(), observation.size(), &command, &status);
    t += kMs;
    return r;
  }
  void ticks(int n) {
    for (int i = 0; i < n; ++i) CHECK_EQ(tick(), MWRT_OK);
  }
  mwrt_bundle* bundle = nullptr;
  mwrt_controller* controller = nullptr;
  mwrt_bundle_info info = init<mwrt_bundle_info>();
  mwrt_command command = init<mwrt_command>();
  mwrt_status status = init<mwrt_status>();
  std::vector<double> observation;
  std::int64_t t = 1000 * kMs;
};

}  // namespace

TEST_CASE("abi: a bundle says what is in it") {
  Host host;
  CHECK_EQ(std::string(host.info.robot), "h1");
  CHECK_EQ(host.info.joints, 19u);
  CHECK_EQ(host.info.skills, 3u);
  CHECK_EQ(host.info.observation_size, 51u);
  CHECK_EQ(host.info.tick_hz, 1000.0);
  CHECK_EQ(host.info.has_planner, 1u);
  CHECK_EQ(std::strlen(host.info.digest), 64u);
  auto joint = init<mwrt_joint>();
  CHECK_EQ(mwrt_bundle_get_joint(host.bundle, 3, &joint), MWRT_OK);
  CHECK_EQ(std::string(joint.name), "left_knee");
  CHECK_EQ(joint.stiffness, 300.0);
  CHECK_EQ(joint.command_rate, 30.0);
  auto term = init<mwrt_term>();
  CHECK_EQ(mwrt_bundle_get_term(host.bundle, 2, &term), MWRT_OK);
  CHECK_EQ(std::string(term.name), "joint_pos");
  CHECK_EQ(term.offset, 7u);
  CHECK_EQ(term.size, 19u);
  auto skill = init<mwrt_skill>();
  CHECK_EQ(mwrt_bundle_get_skill(host.bundle, 1, &skill), MWRT_OK);
  CHECK_EQ(std::string(skill.name), "walk");
  CHECK_EQ(mwrt_bundle_find_skill(host.bundle, "run"), 2);
  CHECK_EQ(mwrt_bundle_find_skill(host.bundle, "fly"), -1);
  CHECK_EQ(mwrt_bundle_get_joint(host.bundle, 19, &joint), MWRT_INVALID_ARGUMENT);
}

TEST_CASE("abi: a tick fills command and status; a skill takes over; stop and re-arm") {
  Host host;
  host.ticks(40);
  CHECK_EQ(host.status.tick, 39u);
  CHECK_EQ(host.status.decision, 1u);
  CHECK_EQ(host.command.mode, static_cast<std::uint32_t>(MWRT_POSITION));
  CHECK_EQ(host.command.kp[3], 300.0);
  CHECK_EQ(host.status.struct_size, sizeof host.status);
  CHECK(host.status.mixture[0] > 0.5f);
  CHECK_EQ(mwrt_controller_post_skill(host.controller, "walk", 60), MWRT_OK);
  host.ticks(500);
  CHECK(host.status.mixture[1] > 0.5f);
  CHECK_EQ(mwrt_controller_post_skill(host.controller, "fly", 60), MWRT_REFUSED);
  CHECK(std::string(mwrt_last_error()).find("no skill \"fly\"") != std::string::npos);
  CHECK_EQ(mwrt_controller_stop(host.controller), MWRT_OK);
  host.ticks(1);
  CHECK_EQ(host.status.mode, static_cast<std::uint32_t>(MWRT_STOPPED));
  CHECK_EQ(host.command.mode, static_cast<std::uint32_t>(MWRT_DAMPING));
  CHECK_EQ(host.status.rungs[MWRT_CONTROLLED_STOP], 1u);
  CHECK_EQ(mwrt_controller_rearm(host.controller), MWRT_OK);
  host.ticks(1);
  CHECK_EQ(host.status.mode, static_cast<std::uint32_t>(MWRT_RUNNING));
  auto statistics = init<mwrt_statistics>();
  CHECK_EQ(mwrt_controller_get_statistics(host.controller, &statistics), MWRT_OK);
  CHECK_EQ(statistics.ticks, 542u);
  CHECK_EQ(mwrt_controller_reset(host.controller), MWRT_OK);
  host.ticks(1);
  CHECK_EQ(host.status.tick, 0u);
}

TEST_CASE("abi: a command with stages is taken whole, and a bad one is refused in the tick") {
  Host host;
  auto command = init<mwrt_skill_command>();
  command.id = 7;
  command.ttl_ns = INT64_MAX;
  command.stage_count = 2;
  command.stages[0].weights[1] = 1.0f;
  command.stages[0].alpha = 1.0f;
  command.stages[0].until = MWRT_UNTIL_ELAPSED;
  command.stages[0].threshold = 0.09f;
  command.stages[1].weights[2] = 1.0f;
  command.stages[1].alpha = 1.0f;
  CHECK_EQ(mwrt_controller_post(host.controller, &command), MWRT_OK);
  host.ticks(50);
  CHECK_EQ(host.status.command_id, 7u);
  CHECK_EQ(host.status.stage, 0u);
  CHECK_EQ(host.status.mixture[1], 1.0f);
  host.ticks(60);
  CHECK_EQ(host.status.stage, 1u);
  command.stages[0].until = 256;  // would be "never" if it were cut to a byte
  CHECK_EQ(mwrt_controller_post(host.controller, &command), MWRT_OK);
  host.ticks(1);
  CHECK_EQ(host.status.rungs[MWRT_SEMANTIC_REJECTED], 1u);
}

TEST_CASE("abi: options and timing reach the controller") {
  auto options = init<mwrt_options>();
  options.alpha = -1.0f;
  options.no_semantic = 1;
  options.no_gate = 1;
  Host host(&options);
  CHECK_EQ(mwrt_controller_post_skill(host.controller, "walk", 0), MWRT_OK);
  host.ticks(300);
  CHECK_EQ(host.status.mixture[0], 1.0f);
  CHECK_EQ(mwrt_controller_report(host.controller, 20, 0, 0), MWRT_OK);
  host.ticks(1);
  CHECK_EQ(host.status.rungs[MWRT_DEADLINE_MISSED], 20u);
  CHECK_EQ(host.status.mode, static_cast<std::uint32_t>(MWRT_STOPPED));
  options.alpha = 2.0f;
  mwrt_controller* none = nullptr;
  CHECK_EQ(mwrt_controller_create(host.bundle, &options, &none), MWRT_REFUSED);
  CHECK(none == nullptr);
}

TEST_CASE("abi: swap, from a folder and from memory") {
  Host host;
  host.ticks(10);
  mwrt_bundle* next = nullptr;
  CHECK_EQ(mwrt_bundle_load(kBundle, &next), MWRT_OK);
  std::uint32_t generation = 0;
  CHECK_EQ(mwrt_controller_swap(host.controller, next, &generation), MWRT_OK);
  mwrt_bundle_release(next);
  CHECK_EQ(generation, 1u);
  host.ticks(1);
  CHECK_EQ(host.status.generation, 1u);
  const char garbage[] = "this is no zip";
  CHECK_EQ(mwrt_bundle_load_memory(garbage, sizeof garbage, "garbage", &next), MWRT_REFUSED);
  CHECK(next == nullptr);
  CHECK(std::string(mwrt_last_error()).find("garbage") != std::string::npos);
  host.ticks(10);
  CHECK_EQ(host.status.generation, 1u);
}

TEST_CASE("abi: the planner plans, in the tick and beside it") {
  auto planning = init<mwrt_planner_options>();
  planning.in_tick = 1;
  planning.budget_ms = -1;
  Host host;
  CHECK_EQ(mwrt_controller_start_planner(host.controller, &planning), MWRT_OK);
  CHECK_EQ(mwrt_controller_start_planner(host.controller, &planning), MWRT_REFUSED);
  host.ticks(41);
  CHECK_EQ(host.status.plan_used, 1u);
  auto statistics = init<mwrt_statistics>();
  mwrt_controller_get_statistics(host.controller, &statistics);
  CHECK_EQ(statistics.plans, 3u);
  CHECK(statistics.plan_duration_max_ns > 0);

  Host beside;
  planning.in_tick = 0;
  planning.cpu = -1;
  CHECK_EQ(mwrt_controller_start_planner(beside.controller, &planning), MWRT_OK);
  for (int i = 0; i < 2000 && beside.status.plan_used == 0; ++i) {
    beside.ticks(1);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  CHECK_EQ(beside.status.plan_used, 1u);
}

TEST_CASE("abi: what a host gets wrong is an error code, never a crash; a command is always safe") {
  mwrt_bundle* bundle = nullptr;
  CHECK_EQ(mwrt_bundle_load(nullptr, &bundle), MWRT_INVALID_ARGUMENT);
  CHECK_EQ(mwrt_bundle_load("/no/such/folder", &bundle), MWRT_REFUSED);
  CHECK(std::string(mwrt_last_error()).find("/no/such/folder") != std::string::npos);
  CHECK_EQ(mwrt_bundle_get_info(nullptr, nullptr), MWRT_INVALID_ARGUMENT);
  mwrt_bundle_release(nullptr);
  mwrt_controller_destroy(nullptr);
  CHECK_EQ(mwrt_controller_stop(nullptr), MWRT_INVALID_ARGUMENT);
  CHECK_EQ(mwrt_controller_create(nullptr, nullptr, nullptr), MWRT_INVALID_ARGUMENT);
  Host host;
  mwrt_command blank{};
  CHECK_EQ(mwrt_controller_step(host.controller, 0, 0, host.observation.data(), 51, &blank, nullptr),
           MWRT_INVALID_ARGUMENT);
  mwrt_bundle_info unset{};
  CHECK_EQ(mwrt_bundle_get_info(host.bundle, &unset), MWRT_INVALID_ARGUMENT);
  CHECK(std::string(mwrt_last_error()).find("MWRT_INIT") != std::string::npos);
  host.ticks(10);
  const mwrt_command before = host.command;
  host.command = init<mwrt_command>();
  CHECK_EQ(mwrt_controller_step(host.controller, host.t, host.t, nullptr, 51, &host.command, nullptr),
           MWRT_INVALID_ARGUMENT);
  CHECK_EQ(host.command.q[3], before.q[3]);
  CHECK_EQ(host.command.kp[3], 300.0);
  host.t += kMs;
  CHECK_EQ(
      mwrt_controller_step(host.controller, host.t, host.t, host.observation.data(), 50, &host.command, &host.status),
      MWRT_OK);
  CHECK_EQ(host.status.mode, static_cast<std::uint32_t>(MWRT_HOLDING));
  CHECK_EQ(host.status.rungs[MWRT_OBSERVATION_INVALID], 2u);
  CHECK_EQ(std::string(mwrt_rung_name(MWRT_CLOCK_JUMP)), "clock_jump");
  CHECK_EQ(std::string(mwrt_rung_name(1000)), "unknown");
}

TEST_CASE("abi: a host built before the status grew is served what it has room for") {
  Host host;
  auto status = init<mwrt_status>();
  status.struct_size = 720;
  status.reserved = 0xeeeeeeee;
  CHECK_EQ(mwrt_controller_step(host.controller, 0, 0, host.observation.data(), 51, &host.command, &status), MWRT_OK);
  CHECK_EQ(status.struct_size, 720u);
  CHECK_EQ(status.reserved, 0xeeeeeeeeu);
  status.struct_size = 719;
  CHECK_EQ(mwrt_controller_step(host.controller, 0, 0, host.observation.data(), 51, &host.command, &status),
           MWRT_INVALID_ARGUMENT);
}

TEST_CASE("abi: a host of a later version with a larger struct is served what is known") {
  struct Larger {
    mwrt_status known;
    std::uint64_t later[4];
  } larger;
  std::memset(&larger, 0xee, sizeof larger);
  larger.known.struct_size = sizeof larger;
  Host host;
  CHECK_EQ(mwrt_controller_step(host.controller, 0, 0, host.observation.data(), 51, &host.command, &larger.known),
           MWRT_OK);
  CHECK_EQ(larger.known.struct_size, sizeof larger);
  CHECK_EQ(larger.known.tick, 0u);
  CHECK_EQ(larger.later[0], 0xeeeeeeeeeeeeeeeeu);
}
