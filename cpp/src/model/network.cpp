#include "metaworld_rt/network.hpp"

#include <cstring>
#include <limits>

#include "kernels/gemv.hpp"
#include "metaworld_rt/error.hpp"
#include "model/lowering.hpp"
#include "model/text.hpp"

namespace metaworld_rt {
namespace {

using kernels::VectorKernels;
using model::Activation;
using model::Op;
using model::Program;

/// One op, ready to run: pointers to functions and constants, offsets (in floats) into the workspace.
struct Step {
  Op::Kind kind{};
  std::uint32_t in = 0, in2 = 0, out = 0;
  std::uint32_t in_size = 0, size = 0, group = 0;
  const float* weight = nullptr;  // dense: packed; otherwise the gain
  const float* bias = nullptr;
  const float* gain = nullptr;  // dense: of its norm, or null
  float epsilon = 0.0f, alpha = 0.0f, beta = 0.0f;
  kernels::Map map = nullptr;
  void (*binary)(const float*, const float*, float*, std::uint32_t) noexcept = nullptr;
};

struct Port {
  std::uint32_t offset = 0, size = 0;
};

kernels::Map map_of(const VectorKernels& k, Activation activation) {
  switch (activation) {
    case Activation::none:
      return nullptr;
    case Activation::relu:
      return k.relu;
    case Activation::elu:
      return k.elu;
    case Activation::tanh:
      return k.tanh;
    case Activation::sigmoid:
      return k.sigmoid;
    case Activation::mish:
      return k.mish;
    case Activation::silu:
      return k.silu;
    case Activation::leaky_relu:
      return k.leaky_relu;
    case Activation::softplus:
      return k.softplus;
    case Activation::exp:
      return k.exp;
    case Activation::clip:
      return k.clip;
  }
  return nullptr;
}

}  // namespace

struct Network::Impl {
  Program program;
  const VectorKernels* kernels = nullptr;
  Workspace constants;  // all weights in the order of their use: the tick reads one stream
  std::vector<Step> steps;
  std::vector<Port> in_ports, out_ports;
  std::vector<TensorInfo> inputs, outputs;
  std::size_t input_size = 0, output_size = 0, workspace_floats = 0;

  explicit Impl(Program p) : program(std::move(p)), kernels(&kernels::vector_kernels(kernels::active_isa())) {
    place_values();
    std::size_t floats = 0;
    for (const Op& op : program.ops) floats += constant_floats(op);
    constants.reserve(floats * sizeof(float));
    float* next = reinterpret_cast<float*>(constants.data());
    for (const Op& op : program.ops) compile(op, next);
  }

  std::uint32_t size_of(std::uint32_t value) const { return program.values[value].size; }

  std::vector<std::uint32_t> offset;  // of each value in the workspace, in floats

  void place_values() {
    offset.assign(program.values.size(), 0);
    std::vector<bool> alias(program.values.size(), false);
    for (const Op& op : program.ops) alias[op.output] = op.kind == Op::Kind::slice;
    std::size_t at = 0;
    for (std::size_t v = 0; v < offset.size(); ++v) {
      if (alias[v]) continue;
      offset[v] = static_cast<std::uint32_t>(at);
      at += kernels::padded(program.values[v].size);
    }
    for (const Op& op : program.ops) {  // a slice is a view of what it cuts
      if (alias[op.output]) offset[op.output] = offset[op.inputs[0]] + op.begin;
    }
    workspace_floats = at + kernels::kPad;  // a view may be read past its slot's end
    for (std::uint32_t v : program.inputs) {
      in_ports.push_back({offset[v], size_of(v)});
      inputs.push_back({program.values[v].name, size_of(v)});
      input_size += size_of(v);
    }
    for (std::uint32_t v : program.outputs) {
      out_ports.push_back({offset[v], size_of(v)});
      outputs.push_back({program.values[v].name, size_of(v)});
      output_size += size_of(v);
    }
  }

  std::size_t constant_floats(const Op& op) const {
    const std::size_t vectors = kernels::padded(op.gain.size()) + kernels::padded(op.norm_bias.size());
    if (op.kind != Op::Kind::dense) return vectors + kernels::padded(op.bias.size());
    return vectors + kernels::padded(kernels::packed_gemv_size(*kernels, size_of(op.inputs[0]),
                                                               static_cast<std::uint32_t>(op.bias.size())));
  }

  static const float* keep(const std::vector<float>& values, float*& next) {
    if (values.empty()) return nullptr;
    const float* at = next;
    std::memcpy(next, values.data(), values.size() * sizeof(float));
    next += kernels::padded(values.size());
    return at;
  }

  void compile(const Op& op, float*& next) {
    if (op.kind == Op::Kind::slice) return;
    Step s;
    s.kind = op.kind;
    s.in = offset[op.inputs[0]];
    s.in_size = size_of(op.inputs[0]);
    s.out = offset[op.output];
    s.size = size_of(op.output);
    s.group = op.group;
    s.epsilon = op.epsilon;
    s.alpha = op.alpha;
    s.beta = op.beta;
    s.map = map_of(*kernels, op.activation);
    switch (op.kind) {
      case Op::Kind::dense:
        kernels::pack_gemv(*kernels, op.weight.data(), op.bias.data(), s.in_size, s.size, next);
        s.weight = next;
        next += kernels::padded(kernels::packed_gemv_size(*kernels, s.in_size, s.size));
        s.gain = keep(op.gain, next);
        s.bias = keep(op.norm_bias, next);
        break;
      case Op::Kind::layer_norm:
      case Op::Kind::scale_shift:
        s.gain = keep(op.gain, next);
        s.bias = keep(op.bias, next);
        break;
      case Op::Kind::binary:
        s.in2 = offset[op.inputs[1]];
        s.binary = op.binary == Op::Binary::add   ? kernels->add
                   : op.binary == Op::Binary::sub ? kernels->sub
                   : op.binary == Op::Binary::mul ? kernels->mul
                                                  : kernels->div;
        break;
      case Op::Kind::concat:  // one copy for each part
        for (std::uint32_t v : op.inputs) {
          s.in = offset[v];
          s.in_size = size_of(v);
          steps.push_back(s);
          s.out += s.in_size;
        }
        return;
      case Op::Kind::activation:
      case Op::Kind::group_softmax:
      case Op::Kind::slice:
        break;
    }
    steps.push_back(s);
  }

  void run_steps(float* w) const noexcept {
    const VectorKernels& k = *kernels;
    for (const Step& s : steps) {
      const float* x = w + s.in;
      float* y = w + s.out;
      switch (s.kind) {
        case Op::Kind::dense:
          k.gemv(s.weight, x, y, s.in_size, s.size);
          if (s.gain) k.layer_norm(y, s.gain, s.bias, y, s.size, s.epsilon);
          if (s.map) s.map(y, y, s.size, s.alpha, s.beta);
          if (s.group) k.group_softmax(y, y, s.size, s.group);
          break;
        case Op::Kind::layer_norm:
          k.layer_norm(x, s.gain, s.bias, y, s.size, s.epsilon);
          break;
        case Op::Kind::activation:
          s.map(x, y, s.size, s.alpha, s.beta);
          break;
        case Op::Kind::group_softmax:
          k.group_softmax(x, y, s.size, s.group);
          break;
        case Op::Kind::scale_shift:
          k.scale_shift(x, s.gain, s.bias, y, s.size);
          break;
        case Op::Kind::binary:
          s.binary(x, w + s.in2, y, s.size);
          break;
        case Op::Kind::concat:
          std::memcpy(y, x, s.in_size * sizeof(float));
          break;
        case Op::Kind::slice:
          break;
      }
    }
  }
};

Network::Network() {
  static const auto empty = std::make_shared<const Impl>(Program{});
  impl_ = empty;
}

Network Network::from_onnx(std::span<const std::byte> bytes, std::string_view name) {
  try {
    model::Budget budget(bytes.size());
    const model::OnnxGraph graph = model::read_onnx(bytes);
    Program program = model::lower(graph, std::string(name), budget);
    model::fuse(program);
    return Network(std::make_shared<const Impl>(std::move(program)));
  } catch (const Error& e) {
    throw Error(model::printable(name) + ": " + e.what());
  }
}

std::span<const TensorInfo> Network::inputs() const noexcept { return impl_->inputs; }
std::span<const TensorInfo> Network::outputs() const noexcept { return impl_->outputs; }
std::size_t Network::input_size() const noexcept { return impl_->input_size; }
std::size_t Network::output_size() const noexcept { return impl_->output_size; }
std::size_t Network::workspace_bytes() const noexcept { return impl_->workspace_floats * sizeof(float); }
std::span<const std::pair<std::string, std::string>> Network::metadata() const noexcept {
  return impl_->program.metadata;
}
const char* Network::isa() const noexcept { return kernels::name(impl_->kernels->isa); }
const model::Program& Network::program() const noexcept { return impl_->program; }

void Network::run(const float* in, float* out, Workspace& workspace) const noexcept {
  if (workspace.size() < workspace_bytes()) {
    for (std::size_t i = 0; i < impl_->output_size; ++i) out[i] = std::numeric_limits<float>::quiet_NaN();
    return;
  }
  float* w = reinterpret_cast<float*>(workspace.data());
  for (const Port& p : impl_->in_ports) {
    std::memcpy(w + p.offset, in, p.size * sizeof(float));
    in += p.size;
  }
  impl_->run_steps(w);
  for (const Port& p : impl_->out_ports) {
    std::memcpy(out, w + p.offset, p.size * sizeof(float));
    out += p.size;
  }
}

void Network::run(std::span<const float* const> in, std::span<float* const> out, Workspace& workspace) const noexcept {
  const bool fits = workspace.size() >= workspace_bytes();
  float* w = reinterpret_cast<float*>(workspace.data());
  if (fits) {
    for (std::size_t i = 0; i < impl_->in_ports.size(); ++i) {
      std::memcpy(w + impl_->in_ports[i].offset, in[i], impl_->in_ports[i].size * sizeof(float));
    }
    impl_->run_steps(w);
  }
  for (std::size_t i = 0; i < impl_->out_ports.size(); ++i) {
    const Port& p = impl_->out_ports[i];
    if (fits) {
      std::memcpy(out[i], w + p.offset, p.size * sizeof(float));
    } else {
      for (std::uint32_t k = 0; k < p.size; ++k) out[i][k] = std::numeric_limits<float>::quiet_NaN();
    }
  }
}

}  // namespace metaworld_rt
