// The executor on every instruction set, against the graph as it was before fusion, evaluated in double precision.
#include <cmath>
#include <functional>
#include <limits>

#include "check.hpp"
#include "kernels/cpu.hpp"
#include "metaworld_rt/network.hpp"
#include "model/lowering.hpp"
#include "model_graph.hpp"

namespace k = metaworld_rt::kernels;
using metaworld_rt::Network;
using metaworld_rt::Workspace;
using metaworld_rt::model::Activation;
using metaworld_rt::model::Op;
using metaworld_rt::model::Program;
using toy::attribute_f;
using toy::attribute_i;
using toy::GraphBuilder;

namespace {

double apply(const Op& op, double x) {
  switch (op.activation) {
    case Activation::relu:
      return std::max(x, 0.0);
    case Activation::elu:
      return x > 0 ? x : op.alpha * std::expm1(x);
    case Activation::tanh:
      return std::tanh(x);
    case Activation::sigmoid:
      return 1 / (1 + std::exp(-x));
    case Activation::mish:
      return x * std::tanh(std::log1p(std::exp(x)));
    case Activation::silu:
      return x / (1 + std::exp(-x));
    case Activation::leaky_relu:
      return x > 0 ? x : op.alpha * x;
    case Activation::softplus:
      return std::log1p(std::exp(x));
    case Activation::exp:
      return std::exp(x);
    case Activation::clip:
      return std::clamp(x, static_cast<double>(op.alpha), static_cast<double>(op.beta));
    case Activation::none:
      break;
  }
  return x;
}

/// Evaluates an unfused program.
std::vector<double> exact(const Program& p, const std::vector<float>& x) {
  std::vector<std::vector<double>> v(p.values.size());
  std::size_t at = 0;
  for (std::uint32_t i : p.inputs) {
    v[i].assign(x.begin() + static_cast<std::ptrdiff_t>(at),
                x.begin() + static_cast<std::ptrdiff_t>(at + p.values[i].size));
    at += p.values[i].size;
  }
  for (const Op& op : p.ops) {
    const auto& a = v[op.inputs[0]];
    auto& y = v[op.output];
    const std::size_t n = p.values[op.output].size;
    y.resize(n);
    double mean = 0, var = 0;
    for (double e : a) mean += e / static_cast<double>(a.size());
    for (double e : a) var += (e - mean) * (e - mean) / static_cast<double>(a.size());
    std::size_t filled = 0;
    for (std::size_t i = 0; i < n; ++i) {
      switch (op.kind) {
        case Op::Kind::dense:
          y[i] = op.bias[i];
          for (std::size_t j = 0; j < a.size(); ++j) y[i] += static_cast<double>(op.weight[i * a.size() + j]) * a[j];
          break;
        case Op::Kind::layer_norm:
          y[i] = (a[i] - mean) / std::sqrt(var + op.epsilon) * op.gain[i] + op.bias[i];
          break;
        case Op::Kind::activation:
          y[i] = apply(op, a[i]);
          break;
        case Op::Kind::group_softmax: {
          double sum = 0;
          for (std::size_t j = i / op.group * op.group; j < (i / op.group + 1) * op.group; ++j)
            sum += std::exp(a[j] - a[i]);
          y[i] = 1 / sum;
          break;
        }
        case Op::Kind::scale_shift:
          y[i] = a[i] * op.gain[i] + op.bias[i];
          break;
        case Op::Kind::binary: {
          const double b = v[op.inputs[1]][i];
          y[i] = op.binary == Op::Binary::add   ? a[i] + b
                 : op.binary == Op::Binary::sub ? a[i] - b
                 : op.binary == Op::Binary::mul ? a[i] * b
                                                : a[i] / b;
          break;
        }
        case Op::Kind::slice:
          y[i] = a[op.begin + i];
          break;
        case Op::Kind::concat:
          break;
      }
    }
    if (op.kind == Op::Kind::concat) {
      for (std::uint32_t part : op.inputs) {
        for (double e : v[part]) y[filled++] = e;
      }
    }
  }
  std::vector<double> out;
  for (std::uint32_t i : p.outputs) out.insert(out.end(), v[i].begin(), v[i].end());
  return out;
}

/// Runs `bytes` on every instruction set; the greatest difference, relative to the greatest output.
double worst(const std::vector<std::byte>& bytes, std::mt19937& rng) {
  metaworld_rt::model::Budget budget(bytes.size());
  const auto graph = metaworld_rt::model::read_onnx(bytes);
  const Program program = metaworld_rt::model::lower(graph, "t", budget);
  double error = 0;
  for (k::Isa isa : {k::Isa::portable, k::Isa::neon, k::Isa::avx2, k::Isa::avx512}) {
    if (!k::force_isa(isa)) continue;
    const Network n = Network::from_onnx(bytes, "t");
    k::unforce_isa();
    CHECK_EQ(std::string(n.isa()), k::name(isa));
    Workspace w;
    w.reserve(n);
    for (int repeat = 0; repeat < 3; ++repeat) {
      const auto x = toy::random_floats(rng, n.input_size());
      const auto y = exact(program, x);
      std::vector<float> got(n.output_size());
      n.run(x.data(), got.data(), w);
      double top = 0, difference = 0;
      for (std::size_t i = 0; i < y.size(); ++i) {
        top = std::max(top, std::abs(y[i]));
        difference = std::max(difference, std::abs(y[i] - got[i]));
      }
      error = std::max(error, difference / top);
      CHECK(!std::isnan(difference));
    }
  }
  return error;
}

}  // namespace

TEST_CASE("random MLPs of every activation, on every instruction set") {
  std::mt19937 rng(1);
  const std::vector<std::pair<std::string, std::vector<std::string>>> activations = {
      {"Relu", {}}, {"Elu", {attribute_f("alpha", 0.8f)}},       {"Tanh", {}},    {"Sigmoid", {}},
      {"Mish", {}}, {"LeakyRelu", {attribute_f("alpha", 0.1f)}}, {"Softplus", {}}};
  for (int round = 0; round < 42; ++round) {
    const auto& [op, attributes] = activations[static_cast<std::size_t>(round) % activations.size()];
    const auto size = [&] { return static_cast<std::size_t>(1 + rng() % 150); };
    GraphBuilder g;
    std::size_t in = size();
    g.input("v0", in);
    const int layers = 1 + static_cast<int>(rng() % 4);
    std::string last = "v0";
    for (int l = 0; l < layers; ++l) {
      const std::string s = std::to_string(l + 1);
      const std::size_t out = size();
      g.weights("w" + s, {out, in}, toy::random_floats(rng, out * in, 1.0f / std::sqrt(static_cast<float>(in))));
      g.weights("b" + s, {out}, toy::random_floats(rng, out));
      g.node("Gemm", {last, "w" + s, "b" + s}, {"h" + s}, {attribute_i("transB", 1)});
      last = "h" + s;
      if (rng() % 2 == 0 && out > 4) {
        g.weights("g" + s, {out}, toy::random_floats(rng, out)).weights("n" + s, {out}, toy::random_floats(rng, out));
        g.node("LayerNormalization", {last, "g" + s, "n" + s}, {"l" + s});
        last = "l" + s;
      }
      g.node(op, {last}, {"v" + s}, attributes);
      last = "v" + s;
      in = out;
    }
    g.output(last, in);
    CHECK(worst(g.build(), rng) < 1e-5);
  }
}

TEST_CASE("slices, concatenation, arithmetic and SimNorm, on every instruction set") {
  std::mt19937 rng(2);
  for (std::size_t n : {std::size_t{24}, std::size_t{40}, std::size_t{104}}) {
    const auto m = static_cast<std::int64_t>(n);
    GraphBuilder g;
    g.input("z", n).input("a", 5).input("c", 3);
    g.node("Concat", {"z", "a", "c"}, {"x"}, {attribute_i("axis", -1)});
    g.weights("w", {n + 8, n}, toy::random_floats(rng, (n + 8) * n, 0.2f)).node("MatMul", {"x", "w"}, {"h"});
    g.integers("from", {3})
        .integers("to", {m - 2})
        .integers("axis", {1})
        .node("Slice", {"h", "from", "to", "axis"}, {"s"});
    g.integers("parts", {7, m - 12}).node("Split", {"s", "parts"}, {"p", "q"}, {attribute_i("axis", -1)});
    g.node("Concat", {"q", "p", "a"}, {"r"}, {attribute_i("axis", 1)});
    g.node("Sub", {"r", "mu"}, {"centred"}).weights("mu", {n}, toy::random_floats(rng, n));
    g.node("Div", {"centred", "sd"}, {"scaled"}).weights("sd", {1, n}, std::vector<float>(n, 1.7f));
    g.node("Clip", {"scaled", "low", "high"}, {"clipped"}).weights("low", {}, {-0.9f}).weights("high", {}, {0.8f});
    g.node("Add", {"clipped", "z"}, {"sum"})
        .node("Mul", {"sum", "scaled"}, {"product"})
        .node("Neg", {"product"}, {"negative"});
    g.integers("groups", {1, -1, 8}).node("Reshape", {"negative", "groups"}, {"grouped"});
    g.node("Softmax", {"grouped"}, {"soft"}, {attribute_i("axis", -1)});
    g.integers("flat", {1, m}).node("Reshape", {"soft", "flat"}, {"y"});
    g.output("y", n).output("negative", n).output("p", 7).output("c", 3);
    CHECK(worst(g.build(), rng) < 1e-5);
  }
}

TEST_CASE("the two ways to run agree, and a workspace may be shared or too small") {
  std::mt19937 rng(3);
  const auto bytes = GraphBuilder()
                         .input("z", 10)
                         .input("a", 3)
                         .node("Concat", {"z", "a"}, {"x"}, {attribute_i("axis", -1)})
                         .weights("w", {13, 6}, toy::random_floats(rng, 78))
                         .node("Gemm", {"x", "w"}, {"y"})
                         .output("y", 6)
                         .output("x", 13)
                         .build();
  const Network n = Network::from_onnx(bytes, "t");
  Workspace shared(1 << 16);
  const auto x = toy::random_floats(rng, 13);
  std::vector<float> flat(19), y(6), copy(13);
  n.run(x.data(), flat.data(), shared);
  const float* in[] = {x.data(), x.data() + 10};
  float* out[] = {y.data(), copy.data()};
  n.run(in, out, shared);
  for (std::size_t i = 0; i < 6; ++i) CHECK_EQ(y[i], flat[i]);
  for (std::size_t i = 0; i < 13; ++i) CHECK_EQ(copy[i], x[i]);
  Workspace none;
  n.run(x.data(), flat.data(), none);
  CHECK(std::isnan(flat[0]) && std::isnan(flat[18]));
  n.run(in, out, none);
  CHECK(std::isnan(y[0]) && std::isnan(copy[12]));
  const Network nothing;
  CHECK_EQ(nothing.input_size() + nothing.output_size() + nothing.inputs().size(), 0u);
}

TEST_CASE("an input that is not finite shows in the output") {
  std::mt19937 rng(4);
  const auto bytes = GraphBuilder()
                         .input("x", 20)
                         .weights("w", {20, 30}, toy::random_floats(rng, 600))
                         .node("Gemm", {"x", "w"}, {"h"})
                         .node("Elu", {"h"}, {"e"})
                         .weights("v", {30, 5}, toy::random_floats(rng, 150))
                         .node("Gemm", {"e", "v"}, {"y"})
                         .output("y", 5)
                         .build();
  for (k::Isa isa : {k::Isa::portable, k::Isa::neon, k::Isa::avx2, k::Isa::avx512}) {
    if (!k::force_isa(isa)) continue;
    const Network n = Network::from_onnx(bytes, "t");
    k::unforce_isa();
    Workspace w;
    w.reserve(n);
    auto x = toy::random_floats(rng, 20);
    std::vector<float> y(5);
    x[7] = std::numeric_limits<float>::quiet_NaN();
    n.run(x.data(), y.data(), w);
    for (float v : y) CHECK(!std::isfinite(v));
    x[7] = 0.0f;
    n.run(x.data(), y.data(), w);
    for (float v : y) CHECK(std::isfinite(v));
  }
}
