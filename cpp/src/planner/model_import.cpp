// From a bundle's graphs to plain layers. A graph that is not a chain of dense layers is refused by the name of the
// node, never run wrongly.
#include <algorithm>
#include <numeric>

#include "metaworld_rt/bundle.hpp"
#include "metaworld_rt/error.hpp"
#include "model/program.hpp"
#include "planner/model_spec.hpp"

namespace metaworld_rt::planner {
namespace {

using model::Activation;
using model::Op;
using model::Program;

/// One number of a value as a function of the last layer's output: scale * f(x[source]) + shift.
struct Element {
  std::uint32_t source = 0;
  bool squash = false;  ///< f is tanh
  float scale = 1.0f, shift = 0.0f;
};

/// What is known of a value while the graph is read.
struct Known {
  enum class Kind : std::uint8_t { nothing, input, chain, tail } kind = Kind::nothing;
  std::vector<std::uint32_t> columns;  ///< input: which column of the canonical order each number is
  std::size_t layers = 0;              ///< chain: the output of this many layers
  std::vector<Element> elements;       ///< tail
};

class Reader {
 public:
  Reader(const Program& program, const std::vector<InputSize>& order)
      : program_(program), known_(program.values.size()) {
    net_.name = program.name;
    for (const std::uint32_t value : program.inputs) {
      std::uint32_t first = 0;
      auto it = order.begin();
      for (; it != order.end() && it->name != program.values[value].name; ++it) first += it->size;
      if (it == order.end()) fail("input \"" + program.values[value].name + "\" is not one that this network takes");
      if (it->size != program.values[value].size) {
        fail("input \"" + it->name + "\" has " + std::to_string(program.values[value].size) + " values, expected " +
             std::to_string(it->size));
      }
      known_[value].kind = Known::Kind::input;
      known_[value].columns.resize(it->size);
      std::iota(known_[value].columns.begin(), known_[value].columns.end(), first);
    }
    for (const InputSize& i : order) input_size_ += i.size;
  }

  NetSpec read(ModelSpec::LogStd* log_std) {
    for (const Op& op : program_.ops) take(op);
    if (program_.outputs.size() != 1) fail("it must have one output");
    const Known& out = known_[program_.outputs[0]];
    if (out.kind == Known::Kind::chain && out.layers == net_.layers.size()) {
      if (log_std) *log_std = {};
    } else if (out.kind == Known::Kind::tail && log_std) {
      read_tail(out.elements, *log_std);
    } else {
      fail("its output is not that of its last dense layer");
    }
    return std::move(net_);
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw Error("world model, network " + program_.name + ": " + what);
  }
  [[noreturn]] void refuse(const Op& op) const {
    fail("node \"" + op.name + "\" does not fit the batched planner, which runs chains of dense layers");
  }

  void take(const Op& op) {
    Known& out = known_[op.output];
    switch (op.kind) {
      case Op::Kind::concat:
        return concat(op, out);
      case Op::Kind::dense:
        return dense(op, out);
      case Op::Kind::slice:
      case Op::Kind::activation:
      case Op::Kind::scale_shift:
        return tail(op, out);
      default:
        refuse(op);
    }
  }

  void concat(const Op& op, Known& out) {
    const bool inputs = known_[op.inputs[0]].kind == Known::Kind::input;
    out.kind = inputs ? Known::Kind::input : Known::Kind::tail;
    for (const std::uint32_t v : op.inputs) {
      const Known& in = known_[v];
      if (inputs ? in.kind != Known::Kind::input : in.kind != Known::Kind::tail && in.kind != Known::Kind::chain)
        refuse(op);
      out.columns.insert(out.columns.end(), in.columns.begin(), in.columns.end());
      const std::vector<Element> e = inputs ? std::vector<Element>{} : elements(op, v);
      out.elements.insert(out.elements.end(), e.begin(), e.end());
    }
  }

  static kernels::RowActivation activation(Activation a, bool& known) {
    using R = kernels::RowActivation;
    switch (a) {
      case Activation::none:
        return R::none;
      case Activation::relu:
        return R::relu;
      case Activation::elu:
        return R::elu;
      case Activation::tanh:
        return R::tanh;
      case Activation::sigmoid:
        return R::sigmoid;
      case Activation::mish:
        return R::mish;
      case Activation::silu:
        return R::silu;
      case Activation::leaky_relu:
        return R::leaky_relu;
      default:
        known = false;
        return R::none;
    }
  }

  void dense(const Op& op, Known& out) {
    const Known& in = known_[op.inputs[0]];
    const bool first = in.kind == Known::Kind::input;
    if (!first && (in.kind != Known::Kind::chain || in.layers != net_.layers.size())) refuse(op);
    if (first && (!net_.layers.empty() || in.columns.size() != input_size_)) refuse(op);
    LayerSpec layer;
    layer.in = program_.values[op.inputs[0]].size;
    layer.out = program_.values[op.output].size;
    layer.weight = op.weight;
    if (first) {  // the graph's order of inputs to ours
      for (std::uint32_t n = 0; n < layer.out; ++n) {
        for (std::uint32_t i = 0; i < layer.in; ++i) {
          layer.weight[std::size_t{n} * layer.in + in.columns[i]] = op.weight[std::size_t{n} * layer.in + i];
        }
      }
    }
    layer.bias = op.bias;
    if (op.has_norm) {
      layer.gain = op.gain;
      layer.norm_bias = op.norm_bias;
      layer.epsilon = op.epsilon;
    }
    bool supported = true;
    layer.activation = activation(op.activation, supported);
    if (!supported) refuse(op);
    layer.alpha = op.alpha;
    layer.group = op.group;
    net_.layers.push_back(std::move(layer));
    out.kind = Known::Kind::chain;
    out.layers = net_.layers.size();
  }

  std::vector<Element> elements(const Op& op, std::uint32_t value) const {
    const Known& in = known_[value];
    if (in.kind == Known::Kind::tail) return in.elements;
    if (in.kind != Known::Kind::chain || in.layers != net_.layers.size()) refuse(op);
    std::vector<Element> e(program_.values[value].size);
    for (std::uint32_t i = 0; i < e.size(); ++i) e[i].source = i;
    return e;
  }

  void tail(const Op& op, Known& out) {
    std::vector<Element> e = elements(op, op.inputs[0]);
    if (op.kind == Op::Kind::slice) {
      e = {e.begin() + op.begin, e.begin() + op.begin + program_.values[op.output].size};
    } else if (op.kind == Op::Kind::scale_shift) {
      for (std::size_t i = 0; i < e.size(); ++i) {
        e[i].scale *= op.gain[i];
        e[i].shift = e[i].shift * op.gain[i] + op.bias[i];
      }
    } else {
      for (Element& x : e) {
        if (op.activation != Activation::tanh || x.squash || x.scale != 1.0f || x.shift != 0.0f) refuse(op);
        x.squash = true;
      }
    }
    out.kind = Known::Kind::tail;
    out.elements = std::move(e);
  }

  /// A prior's output: the mean as the last layer gives it, then log_std, the same function of every number.
  void read_tail(const std::vector<Element>& e, ModelSpec::LogStd& log_std) const {
    const std::size_t n = e.size() / 2;
    for (std::size_t i = 0; i < e.size(); ++i) {
      const Element& x = e[i];
      const Element& like = e[i < n ? 0 : n];
      const bool plain = !x.squash && x.scale == 1.0f && x.shift == 0.0f;
      if (x.source != i || (i < n && !plain) || x.squash != like.squash || x.scale != like.scale ||
          x.shift != like.shift) {
        fail("its output is not [mean, log_std] as docs/bundle.md says");
      }
    }
    log_std = {e[n].squash, e[n].scale, e[n].shift};
  }

  const Program& program_;
  std::vector<Known> known_;
  NetSpec net_;
  std::uint32_t input_size_ = 0;
};

}  // namespace

NetSpec net_spec(const Program& program, const std::vector<InputSize>& order, ModelSpec::LogStd* log_std) {
  return Reader(program, order).read(log_std);
}

ModelSpec model_spec(const Bundle& bundle) {
  if (!bundle.world_model)
    throw Error("bundle " + bundle.name + " has no world model, so there is nothing to plan with");
  const WorldModel& w = *bundle.world_model;
  ModelSpec s;
  s.features = bundle.feature_size;
  s.latent = w.latent;
  s.actions = static_cast<std::uint32_t>(bundle.robot.size());
  s.condition = w.condition;
  s.bins = w.bins;
  s.vmin = w.vmin;
  s.vmax = w.vmax;
  s.discount = w.discount;
  const InputSize z{"z", s.latent}, a{"a", s.actions}, phi{"phi", s.features};
  const auto with_c = [&](std::vector<InputSize> inputs) {
    if (s.condition) inputs.push_back({"c", s.condition});
    return inputs;
  };
  s.encoder = net_spec(w.encoder.program(), with_c({phi}), nullptr);
  s.dynamics = net_spec(w.dynamics.program(), with_c({z, a}), nullptr);
  s.reward = net_spec(w.reward.program(), with_c({z, a}), nullptr);
  for (const Network& q : w.q) s.q.push_back(net_spec(q.program(), with_c({z, a}), nullptr));
  s.prior = net_spec(w.prior.program(), with_c({z}), &s.log_std);
  if (w.termination) s.termination = net_spec(w.termination->program(), with_c({z}), nullptr);
  const bool heads =
      std::all_of(bundle.experts.begin(), bundle.experts.end(), [](const Expert& e) { return e.latent.has_value(); });
  for (const Expert& e : bundle.experts) {
    if (heads) s.experts.push_back(net_spec(e.latent->program(), {z}, nullptr));
  }
  return s;
}

}  // namespace metaworld_rt::planner
