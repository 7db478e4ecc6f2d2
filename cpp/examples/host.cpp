// A C++20 host: the library owns the real-time loop, the host is the plant on the other side of two mailboxes.
//
//   host BUNDLE [SKILL] [SECONDS]
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <metaworld_rt/bundle.hpp>
#include <metaworld_rt/controller.hpp>
#include <metaworld_rt/loop.hpp>
#include <thread>
#include <vector>

namespace mw = metaworld_rt;

namespace {

/// The robot on a test stand: the pelvis hangs fixed in the air, each joint has an inertia of 1 kg m^2.
struct Stand {
  explicit Stand(const mw::Bundle& b) : bundle(b), q(b.robot.default_pos), qd(q.size()) {}

  const mw::Bundle& bundle;
  std::vector<double> q, qd;

  void step(const mw::Command& c, double dt) {
    for (std::size_t i = 0; i < q.size(); ++i) {
      qd[i] += dt * (c.kp[i] * (c.q[i] - q[i]) - c.kd[i] * qd[i]);
      q[i] += dt * qd[i];
    }
  }
  std::vector<double> observe() const {
    std::vector<double> o(bundle.observation_size);
    const auto put = [&](mw::ObservationKind kind, const std::vector<double>& values) {
      std::copy(values.begin(), values.end(), o.begin() + bundle.find(kind)->offset);
    };
    put(mw::ObservationKind::base_pos, {0, 0, 0.98});
    put(mw::ObservationKind::base_quat, {1, 0, 0, 0});
    put(mw::ObservationKind::joint_pos, q);
    put(mw::ObservationKind::joint_vel, qd);
    return o;
  }
};

mw::SkillCommand all_weight_on(const mw::Bundle& bundle, const std::string& skill) {
  mw::SkillCommand command;
  command.stage_count = 1;
  command.ttl_ns = 3'600'000'000'000;
  for (std::size_t i = 0; i < bundle.experts.size(); ++i)
    if (bundle.experts[i].name == skill) {
      command.stages[0].weights[i] = 1.0f;
      return command;
    }
  throw mw::Error("bundle " + bundle.name + " has no skill \"" + skill + "\"");
}

int run(const char* path, const std::string& skill, double seconds) {
  const auto bundle = mw::load_bundle(path);
  mw::Controller controller(bundle);
  if (!skill.empty()) controller.post(all_weight_on(*bundle, skill));

  mw::LoopOptions options;
  options.duration_s = seconds;
  mw::RealtimeLoop loop(controller, options);
  loop.start();

  Stand stand(*bundle);
  mw::Command command;
  while (loop.running()) {
    loop.observe(mw::monotonic_ns(), stand.observe());
    loop.command(command);
    for (int sub = 0; sub < 4; ++sub) stand.step(command, 0.00025);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  loop.command(command);

  const mw::LoopReport report = loop.report();
  for (const std::string& w : report.warnings) std::printf("warning: %s\n", w.c_str());
  std::printf("%llu ticks, %llu missed, step p50 %.1f us, p99 %.1f us, max %.1f us, page faults %llu\n",
              static_cast<unsigned long long>(report.ticks), static_cast<unsigned long long>(report.misses),
              static_cast<double>(report.duration.quantile(0.5)) * 1e-3,
              static_cast<double>(report.duration.quantile(0.99)) * 1e-3,
              static_cast<double>(report.duration.max()) * 1e-3,
              static_cast<unsigned long long>(report.minor_faults + report.major_faults));
  return report.ticks > 0 && command.mode == mw::CommandMode::damping ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: %s BUNDLE [SKILL] [SECONDS]\n", argv[0]);
    return 2;
  }
  try {
    return run(argv[1], argc > 2 ? argv[2] : "", argc > 3 ? std::atof(argv[3]) : 2.0);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
