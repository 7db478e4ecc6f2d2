#include "model/bundle_settings.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <set>

#include "model/files.hpp"
#include "model/text.hpp"

namespace metaworld_rt::model {
namespace {

constexpr std::string_view kSchema = "metaworld_rt.bundle/1";
constexpr std::size_t kName = 64, kText = 1000, kPath = 200;
constexpr double kForever = 1e9;  // ms

/// Size of a vocabulary entry for n joints.
constexpr std::uint32_t kPerJoint = 0;
struct Word {
  std::string_view name;
  std::uint32_t size;
};
constexpr std::array<Word, static_cast<std::size_t>(ObservationKind::count)> kObservation = {{
    {"base_pos", 3},
    {"base_quat", 4},
    {"joint_pos", kPerJoint},
    {"base_lin_vel", 3},
    {"base_ang_vel", 3},
    {"joint_vel", kPerJoint},
    {"left_hand_pos", 3},
    {"right_hand_pos", 3},
    {"goal_pos", 3},
    {"door", 4},
    {"door_present", 1},
}};
constexpr std::size_t kRequiredTerms = 6;
constexpr std::array<Word, static_cast<std::size_t>(FeatureKind::count)> kFeatures = {{
    {"height", 1},
    {"gravity", 3},
    {"heading", 3},
    {"lin_vel", 3},
    {"ang_vel", 3},
    {"joint_pos", kPerJoint},
    {"joint_vel", kPerJoint},
    {"prev_action", kPerJoint},
    {"phase", 2},
    {"speed", 1},
    {"hand_to_goal", 3},
    {"base_to_goal", 3},
    {"base_xy", 2},
    {"door", 4},
    {"door_present", 1},
    {"left_hand", 3},
    {"right_hand", 3},
}};

/// Reads one entry of a vocabulary list: its index, after checking name, uniqueness and size.
template <class Words>
std::size_t read_word(const JsonView& entry, const Words& words, std::size_t joints, std::set<std::size_t>& seen) {
  const std::string& name = entry.at("name").text(kName);
  const auto word = std::find_if(words.begin(), words.end(), [&](const Word& w) { return w.name == name; });
  if (word == words.end()) entry.fail("unknown name " + printable(name));
  const auto index = static_cast<std::size_t>(word - words.begin());
  if (!seen.insert(index).second) entry.fail(name + " stands twice");
  const std::size_t size = word->size == kPerJoint ? joints : word->size;
  if (entry.at("size").number(0, 1e6) != static_cast<double>(size)) {
    entry.at("size").fail(name + " has size " + std::to_string(size));
  }
  return index;
}

void read_robot(const JsonView& j, Robot& r) {
  j.only({"name", "joints", "default_pos", "lower", "upper", "stiffness", "damping", "max_force"});
  r.name = j.at("name").text(kName);
  std::set<std::string_view> seen;
  for (const JsonView& e : j.at("joints").elements(1, kMaxJoints)) {
    const std::string& name = e.text(kName);
    if (name.find(',') != std::string::npos) e.fail("a joint name holds a comma");
    if (!seen.insert(name).second) e.fail("the joint " + printable(name) + " stands twice");
    r.joints.push_back(name);
  }
  const std::size_t n = r.joints.size();
  r.lower = j.at("lower").numbers(n, -1000, 1000);
  r.upper = j.at("upper").numbers(n, -1000, 1000);
  r.default_pos = j.at("default_pos").numbers(n, -1000, 1000);
  r.stiffness = j.at("stiffness").numbers(n, 0, 1e6);
  r.damping = j.at("damping").numbers(n, 0, 1e6);
  r.max_force = j.at("max_force").numbers(n, 0, 1e6);
  for (std::size_t i = 0; i < n; ++i) {
    if (!(r.lower[i] < r.upper[i])) j.at("lower").fail(r.joints[i] + ": the lower limit is not below the upper one");
    if (r.default_pos[i] < r.lower[i] || r.default_pos[i] > r.upper[i]) {
      j.at("default_pos").fail(r.joints[i] + ": the default position is outside the limits");
    }
  }
}

void read_observation(const JsonView& j, Bundle& b) {
  std::set<std::size_t> seen;
  for (const JsonView& e : j.elements(kRequiredTerms, kObservation.size())) {
    e.only({"name", "size"});
    ObservationTerm t;
    t.kind = static_cast<ObservationKind>(read_word(e, kObservation, b.robot.size(), seen));
    t.name = name(t.kind);
    t.size = e.at("size").integer(1, kMaxObservation);
    t.offset = b.observation_size;
    b.observation_size += t.size;
    b.observation.push_back(std::move(t));
  }
  for (std::size_t i = 0; i < kRequiredTerms; ++i) {
    if (!seen.contains(i)) j.fail("the term " + std::string(kObservation[i].name) + " is missing");
  }
  if (b.observation_size > kMaxObservation) j.fail("has more than 512 numbers in all");
}

void read_features(const JsonView& j, Bundle& b) {
  std::set<std::size_t> seen;
  const auto need = [&](const JsonView& e, ObservationKind kind) {
    if (!b.find(kind)) e.fail(std::string("needs the observation term ") + name(kind));
  };
  for (const JsonView& e : j.elements(1, kFeatures.size())) {
    e.only({"name", "size", "scale"});
    Feature f;
    f.kind = static_cast<FeatureKind>(read_word(e, kFeatures, b.robot.size(), seen));
    f.name = name(f.kind);
    f.size = e.at("size").integer(1, kMaxFeatures);
    f.scale = static_cast<float>(e.at("scale").number(-1e6, 1e6));
    f.offset = b.feature_size;
    switch (f.kind) {
      case FeatureKind::hand_to_goal:
        need(e, ObservationKind::left_hand_pos);
        need(e, ObservationKind::goal_pos);
        break;
      case FeatureKind::base_to_goal:
        need(e, ObservationKind::goal_pos);
        break;
      case FeatureKind::door:
        need(e, ObservationKind::door);
        break;
      case FeatureKind::door_present:
        need(e, ObservationKind::door_present);
        break;
      case FeatureKind::left_hand:
        need(e, ObservationKind::left_hand_pos);
        break;
      case FeatureKind::right_hand:
        need(e, ObservationKind::right_hand_pos);
        break;
      default:
        break;
    }
    b.feature_size += f.size;
    b.features.push_back(std::move(f));
  }
  if (b.feature_size > kMaxFeatures) j.fail("has more than 512 numbers in all");
}

void read_rates_and_limits(const JsonView& root, Bundle& b) {
  const JsonView rates = root.at("rates");
  rates.only({"tick_hz", "decision_hz"});
  b.tick_hz = rates.at("tick_hz").number(1, 100000);
  b.decision_hz = rates.at("decision_hz").number(0.1, 100000);
  if (b.decision_hz > b.tick_hz) rates.at("decision_hz").fail("is above tick_hz");

  const JsonView action = root.at("action");
  action.only({"scale", "between_decisions"});
  b.action_scale = action.at("scale").numbers(b.robot.size(), 0, 1000);
  const std::string& between = action.at("between_decisions").text(kName);
  if (between != "hold" && between != "interpolate") action.at("between_decisions").fail("must be hold or interpolate");
  b.interpolate = between == "interpolate";

  const JsonView j = root.at("limits");
  j.only({"command_rate", "stop_damping", "plan_max_age_ms", "observation_max_age_ms", "observation_frozen_ms",
          "missed_deadlines_stop", "weight_slew_per_s"});
  Limits& l = b.limits;
  l.command_rate = j.at("command_rate").numbers(b.robot.size(), 1e-6, 1e6);
  l.stop_damping = j.at("stop_damping").numbers(b.robot.size(), 0, 1e6);
  l.plan_max_age_ms = j.at("plan_max_age_ms").number(0, kForever);
  l.observation_max_age_ms = j.at("observation_max_age_ms").number(0, kForever);
  l.observation_frozen_ms = j.at("observation_frozen_ms").number(0, kForever);
  l.missed_deadlines_stop = j.at("missed_deadlines_stop").integer(1, 1000000);
  l.weight_slew_per_s = j.at("weight_slew_per_s").number(1e-6, 1e6);
}

std::string path_of(const JsonView& j) {
  const std::string& path = j.text(kPath);
  if (!safe_name(path)) j.fail("is not a safe file name: letters, digits, . _ - and / only, inside the bundle");
  return path;
}

/// Size of a network's c: 0, or one number an expert.
std::uint32_t condition_of(const JsonView& j, const Bundle& b) {
  const std::uint32_t size = j.integer(0, kMaxSkills);
  if (size != 0 && size != b.experts.size())
    j.fail("must be 0 or the number of experts, " + std::to_string(b.experts.size()));
  return size;
}

void read_experts(const JsonView& root, Bundle& b, NetworkFiles& files) {
  std::set<std::string_view> seen;
  for (const JsonView& j : root.at("experts").elements(1, kMaxSkills)) {
    j.only({"name", "description", "file", "phase_period_s", "latent_file"});
    Expert e;
    e.name = j.at("name").text(kName);
    if (!seen.insert(j.at("name").text(kName)).second) j.at("name").fail(printable(e.name) + " stands twice");
    e.description = j.at("description").text(kText);
    e.file = path_of(j.at("file"));
    if (const auto period = j.maybe("phase_period_s")) e.phase_period_s = period->number(0.01, 1000);
    const auto latent = j.maybe("latent_file");
    files.experts.push_back(e.file);
    files.latents.push_back(latent ? path_of(*latent) : "");
    b.experts.push_back(std::move(e));
  }
  const std::string& safe = root.at("safe_skill").text(kName);
  const auto at = std::find_if(b.experts.begin(), b.experts.end(), [&](const Expert& e) { return e.name == safe; });
  if (at == b.experts.end()) root.at("safe_skill").fail("is not one of the experts");
  b.safe_skill = static_cast<std::uint32_t>(at - b.experts.begin());
  if (const auto gate = root.maybe("gate")) {
    gate->only({"file", "condition"});
    files.gate = path_of(gate->at("file"));
    if (const auto condition = gate->maybe("condition")) b.gate_condition = condition_of(*condition, b);
  }
  if (const auto handover = root.maybe("handover")) {
    handover->only({"file", "ready", "wait_ms"});
    files.handover = path_of(handover->at("file"));
    b.handover.emplace();
    b.handover->ready = static_cast<float>(handover->at("ready").number(0, 1));
    b.handover->wait_ms = handover->at("wait_ms").number(0, 10'000);
  }
  const JsonView fusion = root.at("fusion");
  fusion.only({"alpha", "semantic_ttl_ms", "fade_ms"});
  b.alpha = static_cast<float>(fusion.at("alpha").number(0, 1));
  b.semantic_ttl_ms = fusion.at("semantic_ttl_ms").number(0, kForever);
  b.fade_ms = fusion.at("fade_ms").number(0, kForever);
}

void read_world_model(const JsonView& j, Bundle& b, NetworkFiles& files) {
  j.only({"latent", "simnorm", "bins", "vmin", "vmax", "condition", "discount", "encoder", "dynamics", "reward", "q",
          "prior", "termination", "plan"});
  WorldModel w;
  w.latent = j.at("latent").integer(1, 4096);
  w.simnorm = j.at("simnorm").integer(1, 4096);
  if (w.latent % w.simnorm != 0) j.at("simnorm").fail("does not divide latent");
  w.bins = j.at("bins").integer(2, 1024);
  w.vmin = static_cast<float>(j.at("vmin").number(-80, 80));
  w.vmax = static_cast<float>(j.at("vmax").number(-80, 80));
  if (!(w.vmin < w.vmax)) j.at("vmin").fail("is not below vmax");
  w.condition = condition_of(j.at("condition"), b);
  w.discount = static_cast<float>(j.at("discount").number(1e-6, 1));
  files.encoder = path_of(j.at("encoder"));
  files.dynamics = path_of(j.at("dynamics"));
  files.reward = path_of(j.at("reward"));
  files.prior = path_of(j.at("prior"));
  for (const JsonView& q : j.at("q").elements(1, 16)) files.q.push_back(path_of(q));
  if (const auto t = j.maybe("termination")) files.termination = path_of(*t);
  if (const auto p = j.maybe("plan")) w.plan_file = path_of(*p);
  b.world_model = std::move(w);
}

void read_planner(const JsonView& j, Bundle& b) {
  j.only({"horizon", "samples", "iterations", "elites", "prior_trajectories", "expert_trajectories", "temperature",
          "min_std", "max_std", "guidance", "q_reduction", "precision", "deadline_ms", "action_tolerance", "skills"});
  if (!b.world_model) j.fail("needs a world_model");
  PlannerSettings p;
  p.horizon = j.at("horizon").integer(1, kMaxHorizon);
  p.samples = j.at("samples").integer(1, 16384);
  p.iterations = j.at("iterations").integer(1, 64);
  p.elites = j.at("elites").integer(1, p.samples);
  p.prior_trajectories = j.at("prior_trajectories").integer(0, p.samples);
  p.expert_trajectories = j.at("expert_trajectories").integer(0, p.samples);
  if (p.prior_trajectories + p.expert_trajectories > p.samples) {
    j.at("samples").fail("is less than prior_trajectories + expert_trajectories");
  }
  p.temperature = static_cast<float>(j.at("temperature").number(0, 1e6));
  p.min_std = static_cast<float>(j.at("min_std").number(1e-6, 100));
  p.max_std = static_cast<float>(j.at("max_std").number(1e-6, 100));
  if (p.min_std > p.max_std) j.at("min_std").fail("is above max_std");
  p.guidance = static_cast<float>(j.at("guidance").number(0, 1e6));
  const std::string& reduction = j.at("q_reduction").text(kName);
  if (reduction != "mean" && reduction != "min") j.at("q_reduction").fail("must be mean or min");
  p.q_reduction = reduction == "mean" ? QReduction::mean : QReduction::min;
  const auto precision = precision_named(j.at("precision").text(kName));
  if (!precision) j.at("precision").fail("must be fp32, bf16, int8, int16 or auto");
  p.precision = *precision;
  p.deadline_ms = j.at("deadline_ms").number(1e-3, 1e6);
  p.action_tolerance = static_cast<float>(j.at("action_tolerance").number(0, 2));
  b.planner = p;
  const auto skills = j.maybe("skills");
  if (!skills) return;
  for (Expert& e : b.experts) e.planned = false;
  for (const JsonView& name : skills->elements(1, kMaxSkills)) {
    const std::string& skill = name.text(kName);
    const auto at = std::find_if(b.experts.begin(), b.experts.end(), [&](const Expert& e) { return e.name == skill; });
    if (at == b.experts.end()) name.fail(printable(skill) + " is not one of the experts");
    at->planned = true;
  }
}

void read_files(const JsonView& j, Bundle& b) {
  std::uint64_t total = 0;
  for (const auto& [path, entry] : j.members(512)) {
    if (!safe_name(path)) entry.fail("is not a safe file name: letters, digits, . _ - and / only, inside the bundle");
    entry.only({"bytes", "sha256"});
    BundleFile f;
    f.bytes = entry.at("bytes").integer(0, static_cast<std::uint32_t>(kMaxFile));
    total += f.bytes;
    f.sha256 = entry.at("sha256").text(64);
    if (f.sha256.size() != 64 || f.sha256.find_first_not_of("0123456789abcdef") != std::string::npos) {
      entry.at("sha256").fail("must be 64 lower-case hex digits");
    }
    b.files.emplace(path, std::move(f));
  }
  if (total > kMaxFile) j.fail("name more than 256 MiB in all");
}

}  // namespace

NetworkFiles read_settings(const JsonView& root, Bundle& b) {
  const std::string& schema = root.at("schema").text(kName);
  if (schema != kSchema) {
    root.at("schema").fail(printable(schema) + " is not " + std::string(kSchema) +
                           ", the one that this build reads; export the bundle again or update metaworld_rt");
  }
  root.only({"schema",  "name",        "version",  "licence",    "robot",    "observation", "action",     "rates",
             "limits",  "features",    "experts",  "gate",       "handover", "fusion",      "safe_skill", "world_model",
             "planner", "calibration", "selftest", "provenance", "files",    "sha256"});
  b.name = root.at("name").text(kName);
  b.version = root.at("version").text(kName);
  b.licence = root.at("licence").text(kText);
  read_robot(root.at("robot"), b.robot);
  read_observation(root.at("observation"), b);
  read_features(root.at("features"), b);
  read_rates_and_limits(root, b);
  NetworkFiles files;
  read_experts(root, b, files);
  if (const auto w = root.maybe("world_model")) read_world_model(*w, b, files);
  if (const auto p = root.maybe("planner")) read_planner(*p, b);
  if (const auto c = root.maybe("calibration")) files.calibration = path_of(*c);
  files.selftest = path_of(root.at("selftest"));
  read_files(root.at("files"), b);
  return files;
}

}  // namespace metaworld_rt::model

namespace metaworld_rt {

constexpr std::array<const char*, 5> kPrecisions{"fp32", "bf16", "int8", "int16", "auto"};
const char* name(Precision precision) noexcept { return kPrecisions[static_cast<std::size_t>(precision)]; }
std::optional<Precision> precision_named(std::string_view name) noexcept {
  for (std::size_t i = 0; i < kPrecisions.size(); ++i) {
    if (name == kPrecisions[i]) return static_cast<Precision>(i);
  }
  return std::nullopt;
}

const char* name(ObservationKind kind) noexcept {
  return kind < ObservationKind::count ? model::kObservation[static_cast<std::size_t>(kind)].name.data() : "?";
}
const char* name(FeatureKind kind) noexcept {
  return kind < FeatureKind::count ? model::kFeatures[static_cast<std::size_t>(kind)].name.data() : "?";
}

const ObservationTerm* Bundle::find(ObservationKind kind) const noexcept {
  for (const ObservationTerm& t : observation) {
    if (t.kind == kind) return &t;
  }
  return nullptr;
}

}  // namespace metaworld_rt
