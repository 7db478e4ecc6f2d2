#include "metaworld_rt/bundle.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <string>

#include "model/bundle_settings.hpp"
#include "model/files.hpp"
#include "model/selftest.hpp"
#include "model/sha256.hpp"
#include "model/text.hpp"

namespace metaworld_rt {
namespace {

using model::NetworkFiles;
using Sizes = std::vector<std::pair<std::string_view, std::size_t>>;

constexpr std::size_t kMaxSettings = 4u << 20;

// A fuzzer cannot guess a digest: its builds (and no others) look at the contents instead.
#if defined(FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION)
constexpr bool kCompareDigests = false;
#else
constexpr bool kCompareDigests = true;
#endif

class Loader {
 public:
  explicit Loader(model::BundleFiles& source) : source_(source) {}

  std::shared_ptr<const Bundle> run() {
    const auto bytes = source_.read("bundle.json", kMaxSettings);
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    const model::Json json = model::parse_json(text, "bundle.json");
    const model::JsonView root(json, "");
    const NetworkFiles files = model::read_settings(root, bundle_);
    check_seal(root, text);
    bundle_.digest = model::sha256_hex(bytes);
    const model::JsonView provenance = root.at("provenance");
    bundle_.provenance = text.substr(provenance.json().begin, provenance.json().end - provenance.json().begin);
    check_files();
    load_experts(files);
    if (bundle_.world_model) load_world_model(files);
    load_calibration(files.calibration);
    replay(files.selftest);
    return std::make_shared<const Bundle>(std::move(bundle_));
  }

 private:
  /// bundle.json names all digests but its own; "sha256" is that of its text with these 64 digits set to 0.
  static void check_seal(const model::JsonView& root, std::string_view text) {
    const auto seal = root.maybe("sha256");
    if (!seal) return;
    if (seal->text(64).size() != 64 || seal->json().end - seal->json().begin != 66) seal->fail("must be 64 hex digits");
    std::string zeroed(text);
    zeroed.replace(seal->json().begin + 1, 64, 64, '0');
    const auto* data = reinterpret_cast<const std::byte*>(zeroed.data());
    if (kCompareDigests && model::sha256_hex({data, zeroed.size()}) != seal->text(64)) {
      seal->fail("bundle.json is damaged or was edited; copy it again, or drop this key if the change is meant");
    }
  }

  std::span<const std::byte> contents(const std::string& file) {
    const auto listed = bundle_.files.find(file);
    if (listed == bundle_.files.end()) throw Error("bundle.json: files: " + file + " is used, and is not listed");
    return contents_.at(file);
  }

  void check_files() {
    for (const auto& [name, file] : bundle_.files) {
      const auto bytes = source_.read(name, kCompareDigests ? file.bytes : model::kMaxFile);
      if (kCompareDigests && bytes.size() != file.bytes) {
        throw Error(name + ": has " + std::to_string(bytes.size()) + " bytes, bundle.json says " +
                    std::to_string(file.bytes) + "; copy or export the bundle again");
      }
      if (kCompareDigests && model::sha256_hex(bytes) != file.sha256) {
        throw Error(name + ": does not match its SHA-256 in bundle.json; copy or export the bundle again");
      }
      contents_.emplace(name, bytes);
    }
  }

  /// Loads a network and checks its inputs (in this order, by name) and its one output.
  Network load(const std::string& file, const Sizes& inputs, std::size_t output) {
    Network network = Network::from_onnx(contents(file), file);
    const auto in = network.inputs();
    bool same = in.size() == inputs.size();
    const auto list = [](std::string& text, std::string_view input, std::size_t size) {
      text.append(" ").append(model::printable(input)).append("[").append(std::to_string(size)).append("]");
    };
    std::string wanted, found;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      list(wanted, inputs[i].first, inputs[i].second);
      same = same && in[i].name == inputs[i].first && in[i].size == inputs[i].second;
    }
    for (const TensorInfo& i : in) list(found, i.name, i.size);
    if (!same) throw Error(file + ": its inputs are" + found + ", the bundle needs" + wanted);
    if (network.outputs().size() != 1 || network.output_size() != output) {
      throw Error(file + ": it has " + std::to_string(network.outputs().size()) + " output(s) of " +
                  std::to_string(network.output_size()) + " numbers, the bundle needs one of " +
                  std::to_string(output));
    }
    networks_.emplace(file, network);
    return network;
  }

  /// What the expert was trained on must be the robot that bundle.json describes.
  void check_metadata(const Expert& expert) const {
    std::string joints;
    for (const std::string& j : bundle_.robot.joints) {
      if (!joints.empty()) joints += ',';
      joints += j;
    }
    const std::pair<std::string_view, const std::vector<double>*> numbers[] = {
        {"joint_stiffness", &bundle_.robot.stiffness},
        {"joint_damping", &bundle_.robot.damping},
        {"default_joint_pos", &bundle_.robot.default_pos},
        {"action_scale", &bundle_.action_scale},
    };
    bool has_joints = false;
    for (const auto& [key, value] : expert.network.metadata()) {
      if (key == "joint_names") {
        has_joints = true;
        if (value != joints) {
          throw Error(expert.file + ": its joint_names are not robot.joints in the same order: " + difference(value));
        }
      }
      for (const auto& [name, expected] : numbers) {
        if (key == name) check_numbers(expert.file, key, value, *expected);
      }
    }
    if (!has_joints) throw Error(expert.file + ": its metadata has no joint_names");
  }

  std::string difference(std::string_view names) const {
    std::size_t at = 0, i = 0;
    for (; i < bundle_.robot.size() && at <= names.size(); ++i) {
      const std::size_t comma = std::min(names.find(',', at), names.size());
      const std::string_view name = names.substr(at, comma - at);
      if (name != bundle_.robot.joints[i]) {
        return "joint " + std::to_string(i) + " is " + model::printable(name) + ", not " +
               model::printable(bundle_.robot.joints[i]);
      }
      at = comma + 1;
    }
    return "they are not " + std::to_string(bundle_.robot.size()) + " names";
  }

  static void check_numbers(const std::string& file, const std::string& key, const std::string& value,
                            const std::vector<double>& expected) {
    std::size_t count = 0;
    const char* at = value.data();
    const char* const end = at + value.size();
    for (; at != end && count < expected.size(); ++count) {
      double x = 0.0;
      const auto [rest, error] = std::from_chars(at, end, x);
      const double tolerance = 1e-3 * (1e-3 + std::abs(expected[count]));  // people print three or more digits
      if (error != std::errc() || !(std::abs(x - expected[count]) <= tolerance)) break;
      at = rest != end && *rest == ',' ? rest + 1 : rest;
    }
    if (count != expected.size() || at != end) {
      throw Error(file + ": its " + key + " differs from bundle.json at joint " + std::to_string(count));
    }
  }

  void load_experts(const NetworkFiles& files) {
    const std::size_t phi = bundle_.feature_size, n = bundle_.robot.size();
    for (Expert& e : bundle_.experts) {
      e.network = load(e.file, {{"phi", phi}}, n);
      check_metadata(e);
    }
    if (!files.gate.empty()) {
      Sizes inputs = {{"phi", phi}};
      if (bundle_.gate_condition > 0) inputs.emplace_back("c", bundle_.gate_condition);
      bundle_.gate = load(files.gate, inputs, bundle_.experts.size());
    }
    if (bundle_.handover) bundle_.handover->network = load(files.handover, {{"phi", phi}}, bundle_.experts.size());
    for (std::size_t i = 0; i < bundle_.experts.size(); ++i) {
      if (files.latents[i].empty()) continue;
      if (!bundle_.world_model) throw Error("bundle.json: experts: a latent_file needs a world_model");
      bundle_.experts[i].latent = load(files.latents[i], {{"z", bundle_.world_model->latent}}, n);
    }
  }

  void load_world_model(const NetworkFiles& files) {
    WorldModel& w = *bundle_.world_model;
    const std::size_t n = bundle_.robot.size();
    const auto with_condition = [&](Sizes inputs) {
      if (w.condition > 0) inputs.emplace_back("c", w.condition);
      return inputs;
    };
    const Sizes state = with_condition({{"z", w.latent}});
    const Sizes state_action = with_condition({{"z", w.latent}, {"a", n}});
    w.encoder = load(files.encoder, with_condition({{"phi", bundle_.feature_size}}), w.latent);
    w.dynamics = load(files.dynamics, state_action, w.latent);
    w.reward = load(files.reward, state_action, w.bins);
    for (const std::string& q : files.q) w.q.push_back(load(q, state_action, w.bins));
    w.prior = load(files.prior, state, 2 * n);
    if (!files.termination.empty()) w.termination = load(files.termination, state, 1);
    if (!w.plan_file.empty()) contents(w.plan_file);
  }

  void load_calibration(const std::string& file) {
    if (file.empty()) return;
    const auto bytes = contents(file);
    const std::size_t row =
        (bundle_.feature_size + (bundle_.world_model ? bundle_.world_model->condition : 0)) * sizeof(float);
    if (bytes.empty() || bytes.size() % row != 0) {
      throw Error(file + ": is not a whole number of rows of " + std::to_string(row / sizeof(float)) + " float32");
    }
    bundle_.calibration.resize(bytes.size() / sizeof(float));
    std::memcpy(bundle_.calibration.data(), bytes.data(), bytes.size());
    bundle_.calibration_rows = static_cast<std::uint32_t>(bytes.size() / row);
    if (!std::all_of(bundle_.calibration.begin(), bundle_.calibration.end(),
                     [](float x) { return std::isfinite(x); })) {
      throw Error(file + ": holds numbers that are not finite");
    }
  }

  void replay(const std::string& file) {
    bundle_.selftest = model::read_selftest(contents(file));
    for (const SelfTestCase& test : bundle_.selftest) {
      const auto network = networks_.find(test.file);
      if (network == networks_.end()) {
        throw Error("selftest.bin: " + model::printable(test.file) + " is not one of the bundle's networks");
      }
      model::replay(test, network->second);
    }
    for (const auto& entry : networks_) {
      const bool tested = std::any_of(bundle_.selftest.begin(), bundle_.selftest.end(),
                                      [&](const SelfTestCase& t) { return t.file == entry.first; });
      if (!tested) throw Error("selftest.bin: has no case for " + entry.first);
    }
  }

  model::BundleFiles& source_;
  Bundle bundle_;
  std::map<std::string, std::span<const std::byte>> contents_;
  std::map<std::string, Network> networks_;
};

std::shared_ptr<const Bundle> load(const std::string& name, auto&& open) {
  try {
    model::BundleFiles files = open();
    return Loader(files).run();
  } catch (const Error& e) {
    throw Error(name + ": " + e.what());
  }
}

}  // namespace

std::shared_ptr<const Bundle> load_bundle(const std::filesystem::path& path) {
  return load(path.string(), [&] { return model::BundleFiles::open(path); });
}

std::shared_ptr<const Bundle> load_bundle_memory(std::span<const std::byte> zip, std::string_view name) {
  return load(std::string(name), [&] { return model::BundleFiles::in_memory(zip); });
}

}  // namespace metaworld_rt
