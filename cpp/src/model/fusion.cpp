#include <algorithm>
#include <limits>

#include "model/lowering.hpp"

namespace metaworld_rt::model {
namespace {

constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();

class Fusion {
 public:
  explicit Fusion(Program& program) : program_(program) {}

  void run() {
    rebuild_gated_activations();
    merge_into_dense();
    drop_dead();
  }

 private:
  void index() {
    uses_.assign(program_.values.size(), 0);
    producer_.assign(program_.values.size(), kNone);
    for (std::uint32_t v : program_.outputs) ++uses_[v];
    for (std::uint32_t i = 0; i < program_.ops.size(); ++i) {
      producer_[program_.ops[i].output] = i;
      for (std::uint32_t v : program_.ops[i].inputs) ++uses_[v];
    }
  }

  /// The op that makes `value`, if it is such an activation and nothing else reads its result.
  Op* private_activation(std::uint32_t value, Activation kind) {
    const std::uint32_t i = producer_[value];
    if (i == kNone || uses_[value] != 1) return nullptr;
    Op& op = program_.ops[i];
    return op.kind == Op::Kind::activation && op.activation == kind ? &op : nullptr;
  }

  /// x * sigmoid(x) is SiLU; x * tanh(softplus(x)) is Mish (torch's older exporter writes them so).
  void rebuild_gated_activations() {
    index();
    for (Op& op : program_.ops) {
      if (op.kind != Op::Kind::binary || op.binary != Op::Binary::mul) continue;
      for (int side = 0; side < 2; ++side) {
        const std::uint32_t x = op.inputs[side == 0 ? 0 : 1], factor = op.inputs[side == 0 ? 1 : 0];
        const Op* sigmoid = private_activation(factor, Activation::sigmoid);
        const Op* tanh = private_activation(factor, Activation::tanh);
        const Op* softplus = tanh ? private_activation(tanh->inputs[0], Activation::softplus) : nullptr;
        const bool silu = sigmoid && sigmoid->inputs[0] == x;
        if (!silu && !(softplus && softplus->inputs[0] == x)) continue;
        op.kind = Op::Kind::activation;
        op.activation = silu ? Activation::silu : Activation::mish;
        op.inputs = {x};
        break;
      }
    }
    drop_dead();
  }

  /// Takes `next` into `dense` if the order act(norm(W x + b)), or SimNorm in place of act, allows it.
  static bool absorb(Op& dense, Op& next) {
    const bool plain = dense.activation == Activation::none && dense.group == 0;
    switch (next.kind) {
      case Op::Kind::scale_shift:
        if (!plain || dense.has_norm ||
            std::any_of(next.gain.begin(), next.gain.end(), [](float g) { return g != 1.0f; }))
          return false;
        for (std::size_t i = 0; i < dense.bias.size(); ++i) dense.bias[i] += next.bias[i];
        return true;
      case Op::Kind::layer_norm:
        if (!plain || dense.has_norm) return false;
        dense.has_norm = true;
        dense.epsilon = next.epsilon;
        dense.gain = std::move(next.gain);
        dense.norm_bias = std::move(next.bias);
        return true;
      case Op::Kind::activation:
        if (!plain) return false;
        dense.activation = next.activation;
        dense.alpha = next.alpha;
        dense.beta = next.beta;
        return true;
      case Op::Kind::group_softmax:
        if (!plain) return false;
        dense.group = next.group;
        return true;
      default:
        return false;
    }
  }

  void merge_into_dense() {
    index();
    std::vector<Op> kept;
    std::vector<std::uint32_t> made_by(program_.values.size(), kNone);  // value -> index in kept
    for (Op& op : program_.ops) {
      if (op.inputs.size() == 1 && uses_[op.inputs[0]] == 1 && made_by[op.inputs[0]] != kNone) {
        Op& before = kept[made_by[op.inputs[0]]];
        if (before.kind == Op::Kind::dense && absorb(before, op)) {
          made_by[op.output] = made_by[op.inputs[0]];
          before.output = op.output;
          continue;
        }
      }
      made_by[op.output] = static_cast<std::uint32_t>(kept.size());
      kept.push_back(std::move(op));
    }
    program_.ops = std::move(kept);
  }

  void drop_dead() {
    std::vector<bool> live(program_.values.size(), false);
    for (std::uint32_t v : program_.outputs) live[v] = true;
    std::vector<Op> kept;
    for (std::size_t i = program_.ops.size(); i-- > 0;) {
      Op& op = program_.ops[i];
      if (!live[op.output]) continue;
      for (std::uint32_t v : op.inputs) live[v] = true;
      kept.push_back(std::move(op));
    }
    std::reverse(kept.begin(), kept.end());
    program_.ops = std::move(kept);

    for (std::uint32_t v : program_.inputs) live[v] = true;  // the host passes them all the same
    std::vector<std::uint32_t> renamed(program_.values.size(), kNone);
    std::vector<Value> values;
    for (std::uint32_t v = 0; v < program_.values.size(); ++v) {
      if (!live[v]) continue;
      renamed[v] = static_cast<std::uint32_t>(values.size());
      values.push_back(std::move(program_.values[v]));
    }
    program_.values = std::move(values);
    for (std::uint32_t& v : program_.inputs) v = renamed[v];
    for (std::uint32_t& v : program_.outputs) v = renamed[v];
    for (Op& op : program_.ops) {
      for (std::uint32_t& v : op.inputs) v = renamed[v];
      op.output = renamed[op.output];
    }
  }

  Program& program_;
  std::vector<std::uint32_t> uses_, producer_;
};

}  // namespace

void fuse(Program& program) { Fusion(program).run(); }

}  // namespace metaworld_rt::model
