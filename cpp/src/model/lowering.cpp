#include "model/lowering.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <unordered_map>

#include "metaworld_rt/error.hpp"
#include "model/constants.hpp"
#include "model/text.hpp"

namespace metaworld_rt::model {
namespace {

/// What is known of an ONNX value: a constant, or a vector computed at run time with the shape the graph gives it.
struct Known {
  bool is_constant = false;
  Constant constant;
  std::uint32_t value = 0;
  Dims dims;  ///< of a runtime value, at batch 1
};

class Lowering {
 public:
  Lowering(const OnnxGraph& graph, std::string name, Budget& budget) : graph_(graph), budget_(budget) {
    program_.name = std::move(name);
    program_.metadata = graph.metadata;
  }

  Program run() {
    for (const OnnxTensor& t : graph_.initializers) initializers_[t.name] = &t;
    for (const OnnxValueInfo& in : graph_.inputs) {
      if (!initializers_.contains(in.name)) input(in);  // old files list their initializers as inputs too
    }
    if (program_.inputs.empty()) throw Error("the graph has no input");
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) node(graph_.nodes[i], i);
    for (const OnnxValueInfo& out : graph_.outputs) output(out);
    if (program_.outputs.empty()) throw Error("the graph has no output");
    return std::move(program_);
  }

 private:
  // --- values ---

  std::uint32_t new_value(std::string_view name, std::size_t size) {
    if (size == 0 || size > kMaxVector) {
      throw Error("value " + printable(name) + " has " + std::to_string(size) +
                  " elements; the native engine takes 1.." + std::to_string(kMaxVector));
    }
    budget_.take(size, sizeof(float));
    program_.values.push_back({std::string(name), static_cast<std::uint32_t>(size)});
    return static_cast<std::uint32_t>(program_.values.size() - 1);
  }

  void define(std::string_view name, Known known) {
    if (name.empty()) throw Error("it has no output");
    if (initializers_.contains(name) || !known_.emplace(name, std::move(known)).second) {
      throw Error("value " + printable(name) + " is computed twice");
    }
  }

  const Known& known(std::string_view name) {
    const auto it = known_.find(name);
    if (it != known_.end()) return it->second;
    const auto file = initializers_.find(name);
    if (file == initializers_.end()) throw Error("value " + printable(name) + " is used before it is computed");
    Known k;
    k.is_constant = true;
    k.constant = constant_of(*file->second);
    return known_.emplace(name, std::move(k)).first->second;
  }

  std::size_t size_of(std::uint32_t value) const { return program_.values[value].size; }

  void input(const OnnxValueInfo& in) {
    const std::string name = printable(in.name);
    if (in.type != static_cast<std::int32_t>(OnnxType::float32)) throw Error("input " + name + " is not float32");
    Dims dims = in.dims;
    // The first of several dimensions is the batch: free or 1.
    if (dims.size() >= 2 && dims[0] == -1) dims[0] = 1;
    if (!in.has_shape || dims.empty() || std::find(dims.begin(), dims.end(), -1) != dims.end()) {
      throw Error("input " + name + " has no fixed size; only the batch dimension may be free");
    }
    for (std::size_t k = 0; k + 1 < dims.size(); ++k) {
      if (dims[k] != 1) throw Error("input " + name + " must have the shape [batch, size], with batch free or 1");
    }
    Known k;
    k.value = new_value(in.name, element_count(dims));
    k.dims = dims;
    program_.inputs.push_back(k.value);
    define(in.name, std::move(k));
  }

  void output(const OnnxValueInfo& out) {
    const Known& k = known(out.name);
    if (k.is_constant) throw Error("output " + printable(out.name) + " does not depend on the input");
    std::uint32_t value = k.value;
    const auto is_port = [&](const std::vector<std::uint32_t>& ports) {
      return std::find(ports.begin(), ports.end(), value) != ports.end();
    };
    if (is_port(program_.inputs) || is_port(program_.outputs)) {  // needs a name of its own
      Op copy;
      copy.kind = Op::Kind::slice;
      copy.name = std::string(out.name);
      copy.inputs = {value};
      copy.output = value = new_value(out.name, size_of(value));
      program_.ops.push_back(std::move(copy));
    }
    program_.outputs.push_back(value);
    program_.values[value].name = std::string(out.name);
  }

  // --- nodes ---

  void node(const OnnxNode& n, std::size_t index) {
    node_ = &n;
    label_ = n.name.empty() ? "#" + std::to_string(index) : printable(n.name);
    try {
      dispatch();
    } catch (const Error& e) {
      throw Error("node " + label_ + ", op " + printable(n.op) + ": " + e.what());
    }
  }

  [[noreturn]] void unsupported(const std::string& why = "") const {
    throw Error("it is not supported by the native engine" + (why.empty() ? "" : " (" + why + ")") +
                "; use the onnxruntime engine");
  }

  /// An attribute that this engine does not know could change what the node means.
  void allow(std::initializer_list<std::string_view> attributes) const {
    for (const OnnxAttribute& a : node_->attributes) {
      if (std::find(attributes.begin(), attributes.end(), a.name) == attributes.end()) {
        unsupported("attribute " + printable(a.name));
      }
    }
  }
  float number(std::string_view name, float otherwise) const {
    const OnnxAttribute* a = node_->find(name);
    if (!a) return otherwise;
    if (!a->f) throw Error("attribute " + printable(name) + " is not a number");
    return *a->f;
  }
  std::int64_t integer(std::string_view name, std::int64_t otherwise) const {
    const OnnxAttribute* a = node_->find(name);
    if (!a) return otherwise;
    if (!a->i) throw Error("attribute " + printable(name) + " is not an integer");
    return *a->i;
  }

  bool has(std::size_t i) const { return i < node_->inputs.size() && !node_->inputs[i].empty(); }
  const Known& in(std::size_t i) {
    if (!has(i)) throw Error("input " + std::to_string(i) + " is missing");
    return known(node_->inputs[i]);
  }
  const Known& runtime(std::size_t i) {
    const Known& k = in(i);
    if (k.is_constant) unsupported("input " + std::to_string(i) + " is constant");
    return k;
  }
  const Constant& constant(std::size_t i) {
    const Known& k = in(i);
    if (!k.is_constant) unsupported("input " + std::to_string(i) + " is not constant");
    return k.constant;
  }

  void define_constant(Constant c) {
    Known k;
    k.is_constant = true;
    k.constant = std::move(c);
    define(node_->outputs.at(0), std::move(k));
  }
  void define_alias(const Known& of, Dims dims) {
    Known k;
    k.value = of.value;
    k.dims = std::move(dims);
    define(node_->outputs[0], std::move(k));
  }
  void emit(Op op, Dims dims, std::size_t output = 0) {
    const std::string_view name = node_->outputs.at(output);
    op.name = label_;
    op.output = new_value(name, element_count(dims));
    program_.ops.push_back(std::move(op));
    Known k;
    k.value = program_.ops.back().output;
    k.dims = std::move(dims);
    define(name, std::move(k));
  }

  std::vector<float> spread(const Constant& c, const Dims& dims) {
    if (!c.is_float) throw Error("it mixes integers with numbers");
    const auto index = broadcast_index(c.dims, dims, budget_);
    budget_.take(index.size(), sizeof(float));
    std::vector<float> out;
    out.reserve(index.size());
    for (std::uint32_t i : index) out.push_back(c.float_at(i));
    return out;
  }

  /// The axis must be one within which a row of the batch lies contiguously, and not the batch itself.
  std::size_t row_axis(std::int64_t axis, const Dims& dims) const {
    const std::size_t k = normal_axis(axis, dims.size());
    if (k == 0 && dims.size() > 1) unsupported("along the batch");
    for (std::size_t i = 0; i < k; ++i) {
      if (dims[i] != 1) unsupported("along an inner axis");
    }
    return k;
  }
  static std::size_t inner_size(const Dims& dims, std::size_t axis) {
    return element_count(Dims(dims.begin() + static_cast<std::ptrdiff_t>(axis) + 1, dims.end()));
  }

  void dispatch() {
    using Handler = void (Lowering::*)();
    static const std::unordered_map<std::string_view, Handler> handlers = {
        {"Gemm", &Lowering::gemm},
        {"MatMul", &Lowering::matmul},
        {"Add", &Lowering::arithmetic},
        {"Sub", &Lowering::arithmetic},
        {"Mul", &Lowering::arithmetic},
        {"Div", &Lowering::arithmetic},
        {"Neg", &Lowering::negative},
        {"LayerNormalization", &Lowering::layer_norm},
        {"Softmax", &Lowering::softmax},
        {"Clip", &Lowering::clip},
        {"Relu", &Lowering::activation},
        {"Elu", &Lowering::activation},
        {"LeakyRelu", &Lowering::activation},
        {"Tanh", &Lowering::activation},
        {"Sigmoid", &Lowering::activation},
        {"Softplus", &Lowering::activation},
        {"Mish", &Lowering::activation},
        {"Exp", &Lowering::activation},
        {"Concat", &Lowering::concat},
        {"Slice", &Lowering::slice},
        {"Split", &Lowering::split},
        {"Identity", &Lowering::relabel},
        {"Cast", &Lowering::relabel},
        {"Reshape", &Lowering::relabel},
        {"Flatten", &Lowering::relabel},
        {"Unsqueeze", &Lowering::relabel},
        {"Squeeze", &Lowering::relabel},
    };
    const OnnxNode& n = *node_;
    if (!n.domain.empty() && n.domain != "ai.onnx") unsupported("domain " + printable(n.domain));
    if (n.outputs.empty()) throw Error("it has no output");
    if (n.op == "Constant") return constant_node();
    if (n.op == "Shape") return shape();
    if (fold_node()) return;
    const auto handler = handlers.find(n.op);
    if (handler == handlers.end()) {
      unsupported(n.op == "ReduceMean" ? "LayerNorm is recognised from opset 17 on" : "");
    }
    (this->*handler->second)();
  }

  bool fold_node() {
    std::vector<const Constant*> inputs;
    for (std::size_t i = 0; i < node_->inputs.size(); ++i) {
      if (!has(i) || !in(i).is_constant) return false;
    }
    // References into the map stay valid while it grows, but take them after all are in it.
    for (std::size_t i = 0; i < node_->inputs.size(); ++i) inputs.push_back(&in(i).constant);
    Constant out;
    if (!fold(*node_, inputs, budget_, out)) return false;
    define_constant(std::move(out));
    return true;
  }

  void constant_node() {
    Constant c;
    if (node_->attributes.size() != 1) unsupported();
    const OnnxAttribute& a = node_->attributes[0];
    if (a.name == "value" && a.tensor) {
      c = constant_of(*a.tensor);
    } else if (a.name == "value_float" && a.f) {
      c.is_float = true;
      c.floats = {*a.f};
    } else if (a.name == "value_int" && a.i) {
      c.integers = {*a.i};
    } else if (a.name == "value_floats") {
      c.is_float = true;
      c.floats = a.floats;
      c.dims = {static_cast<std::int64_t>(a.floats.size())};
    } else if (a.name == "value_ints") {
      c.integers = a.ints;
      c.dims = {static_cast<std::int64_t>(a.ints.size())};
    } else {
      unsupported("attribute " + printable(a.name));
    }
    define_constant(std::move(c));
  }

  void shape() {
    allow({"start", "end"});
    const Known& x = in(0);
    const Dims& dims = x.is_constant ? x.constant.dims : x.dims;
    const auto rank = static_cast<std::int64_t>(dims.size());
    const auto bound = [&](std::int64_t i) { return std::clamp<std::int64_t>(i < 0 ? i + rank : i, 0, rank); };
    const std::int64_t begin = bound(integer("start", 0)), end = bound(integer("end", rank));
    Constant c;
    for (std::int64_t k = begin; k < end; ++k) c.integers.push_back(dims[static_cast<std::size_t>(k)]);
    c.dims = {static_cast<std::int64_t>(c.integers.size())};
    define_constant(std::move(c));
  }

  /// y = weight x + bias; `weight` is [in, out], or [out, in] if transposed.
  void dense(const Known& x, const Constant& w, bool transposed, float alpha, const Constant* bias, float beta,
             Dims out_dims) {
    if (!w.is_float || w.dims.size() != 2) unsupported("the weights are not a matrix of numbers");
    const auto outs = static_cast<std::size_t>(w.dims[transposed ? 0 : 1]);
    const auto ins = static_cast<std::size_t>(w.dims[transposed ? 1 : 0]);
    if (x.dims.empty() || size_of(x.value) != ins || x.dims.back() != static_cast<std::int64_t>(ins)) {
      throw Error("its input has " + std::to_string(size_of(x.value)) + " elements and its weights take " +
                  std::to_string(ins));
    }
    out_dims.push_back(static_cast<std::int64_t>(outs));
    Op op;
    op.kind = Op::Kind::dense;
    op.inputs = {x.value};
    const std::size_t count = w.count();
    budget_.take(count, sizeof(float));
    op.weight.resize(count);
    for (std::size_t o = 0; o < outs; ++o) {
      for (std::size_t i = 0; i < ins; ++i) {
        op.weight[o * ins + i] = alpha * w.float_at(transposed ? o * ins + i : i * outs + o);
      }
    }
    op.bias.assign(outs, 0.0f);
    if (bias) {
      op.bias = spread(*bias, {1, static_cast<std::int64_t>(outs)});
      for (float& b : op.bias) b *= beta;
    }
    emit(std::move(op), std::move(out_dims));
  }

  void gemm() {
    allow({"alpha", "beta", "transA", "transB"});
    if (integer("transA", 0) != 0) unsupported("transA");
    const Known& x = runtime(0);
    if (x.dims.size() != 2 || x.dims[0] != 1) unsupported("its input is not [batch, size]");
    dense(x, constant(1), integer("transB", 0) != 0, number("alpha", 1.0f), has(2) ? &constant(2) : nullptr,
          number("beta", 1.0f), {1});
  }

  void matmul() {
    allow({});
    const Known& x = runtime(0);
    if (x.dims.empty()) unsupported();
    Dims out(x.dims.begin(), x.dims.end() - 1);
    dense(x, constant(1), false, 1.0f, nullptr, 0.0f, std::move(out));
  }

  void scale_shift(const Known& x, Dims dims, std::vector<float> gain, std::vector<float> bias) {
    Op op;
    op.kind = Op::Kind::scale_shift;
    op.inputs = {x.value};
    op.gain = std::move(gain);
    op.bias = std::move(bias);
    emit(std::move(op), std::move(dims));
  }

  void arithmetic() {
    allow({});
    const std::string_view name = node_->op;
    const Known &a = in(0), &b = in(1);
    if (!a.is_constant && !b.is_constant) {
      Dims dims = broadcast_shape(a.dims, b.dims);
      if (size_of(a.value) != size_of(b.value) || element_count(dims) != size_of(a.value)) {
        unsupported("its inputs are of different sizes");
      }
      Op op;
      op.kind = Op::Kind::binary;
      op.inputs = {a.value, b.value};
      op.binary = name == "Add"   ? Op::Binary::add
                  : name == "Sub" ? Op::Binary::sub
                  : name == "Mul" ? Op::Binary::mul
                                  : Op::Binary::div;
      return emit(std::move(op), std::move(dims));
    }
    const bool constant_first = a.is_constant;
    if (constant_first && b.is_constant) unsupported();
    const Known& x = constant_first ? b : a;
    const Constant& c = constant_first ? a.constant : b.constant;
    Dims dims = broadcast_shape(x.dims, c.dims);
    if (element_count(dims) != size_of(x.value)) unsupported("a constant is larger than the vector");
    std::vector<float> values = spread(c, dims);
    budget_.take(values.size(), sizeof(float));
    std::vector<float> other(values.size(), name == "Add" || name == "Sub" ? 1.0f : 0.0f);
    if (name == "Add" || name == "Sub") {
      if (name == "Sub" && constant_first) {
        std::fill(other.begin(), other.end(), -1.0f);
      } else if (name == "Sub") {
        for (float& v : values) v = -v;
      }
      return scale_shift(x, std::move(dims), std::move(other), std::move(values));
    }
    if (name == "Div") {
      if (constant_first) unsupported("a constant divided by a vector");
      for (float& v : values) v = 1.0f / v;
    }
    scale_shift(x, std::move(dims), std::move(values), std::move(other));
  }

  void negative() {
    allow({});
    const Known& x = runtime(0);
    const std::size_t n = size_of(x.value);
    budget_.take(n, 2 * sizeof(float));
    scale_shift(x, x.dims, std::vector<float>(n, -1.0f), std::vector<float>(n, 0.0f));
  }

  void layer_norm() {
    allow({"axis", "epsilon", "stash_type"});
    const Known& x = runtime(0);
    if (normal_axis(integer("axis", -1), x.dims.size()) + 1 != x.dims.size() ||
        x.dims.back() != static_cast<std::int64_t>(size_of(x.value))) {
      unsupported("not over the whole vector");
    }
    Op op;
    op.kind = Op::Kind::layer_norm;
    op.inputs = {x.value};
    op.epsilon = number("epsilon", 1e-5f);
    op.gain = spread(constant(1), {x.dims.back()});
    op.bias = has(2) ? spread(constant(2), {x.dims.back()}) : std::vector<float>(op.gain.size(), 0.0f);
    emit(std::move(op), x.dims);
  }

  void softmax() {
    allow({"axis"});
    const Known& x = runtime(0);
    const std::int64_t by_default = graph_.opset >= 13 ? -1 : 1;
    if (x.dims.empty() || normal_axis(integer("axis", by_default), x.dims.size()) + 1 != x.dims.size()) {
      unsupported("not along the last axis");
    }
    Op op;
    op.kind = Op::Kind::group_softmax;
    op.inputs = {x.value};
    op.group = static_cast<std::uint32_t>(x.dims.back());
    emit(std::move(op), x.dims);
  }

  void clip() {
    allow({"min", "max"});
    const Known& x = runtime(0);
    const float unlimited = std::numeric_limits<float>::max();
    Op op;
    op.kind = Op::Kind::activation;
    op.activation = Activation::clip;
    op.inputs = {x.value};
    op.alpha = has(1) ? constant(1).as_float() : number("min", -unlimited);
    op.beta = has(2) ? constant(2).as_float() : number("max", unlimited);
    emit(std::move(op), x.dims);
  }

  void activation() {
    static const std::unordered_map<std::string_view, std::pair<Activation, float>> kinds = {
        {"Relu", {Activation::relu, 0.0f}},
        {"Elu", {Activation::elu, 1.0f}},
        {"LeakyRelu", {Activation::leaky_relu, 0.01f}},
        {"Tanh", {Activation::tanh, 0.0f}},
        {"Sigmoid", {Activation::sigmoid, 0.0f}},
        {"Softplus", {Activation::softplus, 0.0f}},
        {"Mish", {Activation::mish, 0.0f}},
        {"Exp", {Activation::exp, 0.0f}},
    };
    const auto [kind, alpha] = kinds.at(node_->op);
    const bool has_alpha = kind == Activation::elu || kind == Activation::leaky_relu;
    allow(has_alpha ? std::initializer_list<std::string_view>{"alpha"} : std::initializer_list<std::string_view>{});
    const Known& x = runtime(0);
    Op op;
    op.kind = Op::Kind::activation;
    op.activation = kind;
    op.inputs = {x.value};
    op.alpha = has_alpha ? number("alpha", alpha) : 1.0f;
    emit(std::move(op), x.dims);
  }

  void concat() {
    allow({"axis"});
    Op op;
    op.kind = Op::Kind::concat;
    Dims dims;
    std::size_t axis = 0;
    for (std::size_t i = 0; i < node_->inputs.size(); ++i) {
      const Known& x = runtime(i);
      op.inputs.push_back(x.value);
      if (i == 0) {
        dims = x.dims;
        axis = row_axis(integer("axis", 0), dims);
        continue;
      }
      if (x.dims.size() != dims.size()) throw Error("its inputs are of different ranks");
      for (std::size_t k = 0; k < dims.size(); ++k) {
        if (k != axis && x.dims[k] != dims[k]) throw Error("the shapes of its inputs do not fit");
      }
      dims[axis] += x.dims[axis];
    }
    if (op.inputs.empty()) throw Error("it has no input");
    emit(std::move(op), std::move(dims));
  }

  void emit_slice(const Known& x, std::size_t axis, std::int64_t begin, std::int64_t size, std::size_t output) {
    if (size < 1) unsupported("an empty slice");
    Dims dims = x.dims;
    dims[axis] = size;
    Op op;
    op.kind = Op::Kind::slice;
    op.inputs = {x.value};
    op.begin = static_cast<std::uint32_t>(static_cast<std::size_t>(begin) * inner_size(x.dims, axis));
    emit(std::move(op), std::move(dims), output);
  }

  void slice() {
    allow({});
    const Known x = runtime(0);
    const Dims starts = constant(1).as_integers(), ends = constant(2).as_integers();
    Dims axes = has(3) ? constant(3).as_integers() : Dims{};
    const Dims steps = has(4) ? constant(4).as_integers() : Dims(starts.size(), 1);
    for (std::size_t k = 0; !has(3) && k < starts.size(); ++k) axes.push_back(static_cast<std::int64_t>(k));
    if (ends.size() != starts.size() || axes.size() != starts.size() || steps.size() != starts.size()) {
      throw Error("its starts, ends, axes and steps are of different lengths");
    }
    bool done = false;
    std::size_t axis = x.dims.size() - 1;
    std::int64_t begin = 0, size = x.dims.empty() ? 0 : x.dims[axis];
    for (std::size_t k = 0; k < starts.size(); ++k) {
      const std::size_t a = normal_axis(axes[k], x.dims.size());
      const std::int64_t n = x.dims[a];
      const auto bound = [n](std::int64_t i) { return i < -n ? 0 : i < 0 ? i + n : std::min(i, n); };
      const std::int64_t from = bound(starts[k]), to = bound(ends[k]);
      if (steps[k] != 1) unsupported("a step other than 1");
      if (from == 0 && to == n) continue;
      if (done) unsupported("along two axes");
      done = true;
      axis = row_axis(axes[k], x.dims);
      begin = from;
      size = to - from;
    }
    if (!done) return define_alias(x, x.dims);
    emit_slice(x, axis, begin, size, 0);
  }

  void split() {
    allow({"axis", "num_outputs", "split"});
    const Known x = runtime(0);
    if (x.dims.empty()) unsupported();
    const std::size_t axis = row_axis(integer("axis", 0), x.dims);
    const std::int64_t n = x.dims[axis];
    const auto parts = static_cast<std::int64_t>(node_->outputs.size());
    Dims sizes;
    if (has(1)) sizes = constant(1).as_integers();
    if (const OnnxAttribute* a = node_->find("split")) sizes = a->ints;
    if (sizes.empty()) {
      const std::int64_t each = (n + parts - 1) / parts;
      for (std::int64_t k = 0; k < parts; ++k) sizes.push_back(std::min(each, n - k * each));
    }
    std::int64_t begin = 0;
    if (sizes.size() != node_->outputs.size()) throw Error("it has another number of outputs than of parts");
    for (std::size_t k = 0; k < sizes.size(); ++k) {
      if (sizes[k] < 1 || sizes[k] > n - begin) throw Error("its parts do not fit");
      if (!node_->outputs[k].empty()) emit_slice(x, axis, begin, sizes[k], k);
      begin += sizes[k];
    }
    if (begin != n) throw Error("its parts do not fit");
  }

  /// Nodes that only change the shape or the type's name: the elements stay where they are.
  void relabel() {
    allow({"axis", "axes", "to", "allowzero"});
    const Known& x = runtime(0);
    const std::string_view op = node_->op;
    if (op == "Identity") return define_alias(x, x.dims);
    if (op == "Cast") {
      if (integer("to", 0) != static_cast<std::int64_t>(OnnxType::float32)) unsupported("only to float32");
      return define_alias(x, x.dims);
    }
    if (op == "Reshape") {
      return define_alias(x, reshaped(x.dims, constant(1).as_integers(), integer("allowzero", 0) != 0));
    }
    if (op == "Flatten") {
      const auto rank = static_cast<std::int64_t>(x.dims.size());
      const std::int64_t axis = integer("axis", 1);
      if ((axis < 0 ? axis + rank : axis) != 1) unsupported("only from axis 1");
      return define_alias(x, reshaped(x.dims, {x.dims.empty() ? 1 : x.dims[0], -1}, false));
    }
    const OnnxAttribute* a = node_->find("axes");
    const Dims axes = has(1) ? constant(1).as_integers() : a ? a->ints : Dims{};
    define_alias(x, op == "Unsqueeze" ? unsqueezed(x.dims, axes) : squeezed(x.dims, axes));
  }

  const OnnxGraph& graph_;
  Budget& budget_;
  Program program_;
  std::unordered_map<std::string_view, const OnnxTensor*> initializers_;
  std::unordered_map<std::string_view, Known> known_;
  const OnnxNode* node_ = nullptr;
  std::string label_;
};

}  // namespace

Program lower(const OnnxGraph& graph, std::string name, Budget& budget) {
  return Lowering(graph, std::move(name), budget).run();
}

}  // namespace metaworld_rt::model
