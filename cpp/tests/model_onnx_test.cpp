// The ONNX reader and the lowering: what they take, and that everything else is refused by name.
#include "check.hpp"
#include "metaworld_rt/error.hpp"
#include "metaworld_rt/network.hpp"
#include "model/lowering.hpp"
#include "model_graph.hpp"

using metaworld_rt::Network;
using metaworld_rt::model::Activation;
using metaworld_rt::model::Op;
using toy::attribute_f;
using toy::attribute_i;
using toy::GraphBuilder;

namespace {

Network load(const GraphBuilder& g) { return Network::from_onnx(g.build(), "t.onnx"); }
GraphBuilder one_node(const std::string& op, const std::vector<std::string>& attributes = {}) {
  return GraphBuilder().input("x", 4).node(op, {"x"}, {"y"}, attributes).output("y", 4);
}
std::vector<float> run(const Network& n, const std::vector<float>& x) {
  metaworld_rt::Workspace w;
  w.reserve(n);
  std::vector<float> y(n.output_size());
  n.run(x.data(), y.data(), w);
  return y;
}

}  // namespace

TEST_CASE("onnx: ports and metadata") {
  const Network n = load(GraphBuilder()
                             .input("z", 2)
                             .input("a", 3)
                             .node("Concat", {"z", "a"}, {"y"}, {attribute_i("axis", -1)})
                             .output("y", 5)
                             .metadata("joint_names", "a,b"));
  CHECK_EQ(n.inputs().size(), 2u);
  CHECK_EQ(n.inputs()[1].name, "a");
  CHECK_EQ(n.input_size(), 5u);
  CHECK_EQ(n.outputs()[0].size, 5u);
  CHECK_EQ(n.metadata()[0].first, "joint_names");
  CHECK_EQ(n.metadata()[0].second, "a,b");
}

TEST_CASE("onnx: what is not supported is refused by node and op") {
  CHECK_THROWS(load(one_node("Erf")),
               "t.onnx: node n0, op Erf: it is not supported by the native engine; use the onnxruntime engine");
  CHECK_THROWS(load(one_node("Sin")), "op Sin");
  CHECK_THROWS(load(one_node("ReduceMean")), "LayerNorm is recognised from opset 17 on");
  CHECK_THROWS(load(GraphBuilder().input("x", 4).node("FusedMatMul", {"x"}, {"y"}, {}, "com.microsoft").output("y", 4)),
               "domain com.microsoft");
  CHECK_THROWS(load(one_node("Relu", {attribute_i("surprise", 1)})), "attribute surprise");
  CHECK_THROWS(load(one_node("Softmax", {attribute_i("axis", 0)})), "not along the last axis");
  CHECK_THROWS(load(one_node("Transpose")), "op Transpose");
  CHECK_THROWS(load(GraphBuilder()
                        .input("x", 4)
                        .node("Gemm", {"x", "w"}, {"y"}, {attribute_i("transA", 1)})
                        .weights("w", {4, 4}, std::vector<float>(16))
                        .output("y", 4)),
               "transA");
  CHECK_THROWS(load(GraphBuilder().input("x", 4).input("w", 4).node("MatMul", {"x", "w"}, {"y"}).output("y", 4)),
               "input 1 is not constant");
  CHECK_THROWS(
      load(GraphBuilder().input("x", 4).node("Concat", {"x", "x"}, {"y"}, {attribute_i("axis", 0)}).output("y", 8)),
      "along the batch");
  CHECK_THROWS(
      load(GraphBuilder().input("x", 4).weights("c", {4}, {1, 2, 3, 4}).node("Div", {"c", "x"}, {"y"}).output("y", 4)),
      "a constant divided by a vector");
}

TEST_CASE("onnx: inconsistent graphs are refused") {
  CHECK_THROWS(load(GraphBuilder().input("x", 4).node("Relu", {"q"}, {"y"}).output("y", 4)),
               "q is used before it is computed");
  CHECK_THROWS(load(GraphBuilder().input("x", 4).node("Relu", {"x"}, {"y"}).node("Relu", {"x"}, {"y"}).output("y", 4)),
               "computed twice");
  CHECK_THROWS(load(GraphBuilder().input("x", 4).output("y", 4)), "y is used before it is computed");
  CHECK_THROWS(load(GraphBuilder().input("x", 4)), "no output");
  CHECK_THROWS(load(GraphBuilder().node("Relu", {"x"}, {"y"}).output("y", 4)), "no input");
  CHECK_THROWS(load(GraphBuilder().input("x", 4).weights("y", {1}, {1}).output("y", 1)),
               "does not depend on the input");
  CHECK_THROWS(load(GraphBuilder()
                        .input("x", 4)
                        .node("Gemm", {"x", "w"}, {"y"})
                        .weights("w", {5, 2}, std::vector<float>(10))
                        .output("y", 2)),
               "has 4 elements and its weights take 5");
  CHECK_THROWS(
      load(GraphBuilder().input("x", 4).node("Add", {"x", "c"}, {"y"}).weights("c", {3}, {1, 2, 3}).output("y", 4)),
      "do not fit");
  CHECK_THROWS(
      load(GraphBuilder().input("x", 1).node("Add", {"x", "c"}, {"y"}).weights("c", {3}, {1, 2, 3}).output("y", 3)),
      "larger than the vector");
  CHECK_THROWS(load(GraphBuilder().input("x", 4).node("Relu", {}, {"y"}).output("y", 4)), "input 0 is missing");
  CHECK_THROWS(load(GraphBuilder().input("x", 0).node("Relu", {"x"}, {"y"}).output("y", 4)), "0 elements");
  CHECK_THROWS(load(GraphBuilder().input("x", 1000000).node("Relu", {"x"}, {"y"}).output("y", 4)), "1000000 elements");
}

TEST_CASE("onnx: tensors that lie about their size are refused") {
  const auto with = [](const std::string& tensor) {
    return GraphBuilder().input("x", 4).raw(5, tensor).node("Add", {"x", "c"}, {"y"}).output("y", 4);
  };
  const std::string four(16, '\0');
  using toy::Proto;
  CHECK_EQ(load(with(Proto().varint(1, 4).varint(2, 1).bytes(8, "c").bytes(9, four).str())).output_size(), 4u);
  CHECK_THROWS(load(with(Proto().varint(1, 5).varint(2, 1).bytes(8, "c").bytes(9, four).str())),
               "shorter than its shape");
  CHECK_THROWS(load(with(Proto().varint(1, 3).varint(2, 1).bytes(8, "c").bytes(9, four).str())),
               "does not have the size");
  CHECK_THROWS(load(with(Proto().varint(1, ~0ull).varint(2, 1).bytes(8, "c").bytes(9, four).str())),
               "negative dimension");
  CHECK_THROWS(
      load(with(Proto().varint(1, 1ull << 62).varint(1, 1ull << 62).varint(2, 1).bytes(8, "c").bytes(9, four).str())),
      "shorter than its shape");
  CHECK_THROWS(load(with(Proto().varint(1, 4).varint(2, 10).bytes(8, "c").bytes(9, std::string(8, '\0')).str())),
               "neither float32");
  CHECK_THROWS(load(with(Proto().varint(1, 4).varint(2, 1).bytes(8, "c").varint(14, 1).str())), "another file");
  CHECK_THROWS(load(with(Proto().varint(1, 4).varint(2, 7).bytes(8, "c").bytes(9, std::string(32, '\0')).str())),
               "mixes integers");
  CHECK_THROWS(load(with(Proto()
                             .varint(1, 1)
                             .varint(1, 1)
                             .varint(1, 1)
                             .varint(1, 1)
                             .varint(1, 1)
                             .varint(1, 1)
                             .varint(1, 1)
                             .varint(1, 1)
                             .varint(1, 1)
                             .varint(2, 1)
                             .bytes(8, "c")
                             .str())),
               "rank above 8");
}

TEST_CASE("onnx: typed data, doubles and old-style initializer inputs are read") {
  using toy::Proto;
  std::string packed;
  for (float v : {1.0f, 2.0f, 3.0f, 4.0f}) packed.append(reinterpret_cast<const char*>(&v), 4);
  const std::string floats = Proto().varint(1, 4).varint(2, 1).bytes(8, "c").bytes(4, packed).str();
  std::string raw;
  for (double v : {1.0, 2.0, 3.0, 4.0}) raw.append(reinterpret_cast<const char*>(&v), 8);
  const std::string doubles = Proto().varint(1, 4).varint(2, 11).bytes(8, "c").bytes(9, raw).str();
  const std::string single = Proto().varint(1, 1).varint(2, 1).bytes(8, "c").str() + toy::float_field(4, 2.0f);
  for (const std::string& tensor : {floats, doubles, single}) {
    const Network n =
        load(GraphBuilder().input("x", 4).input("c", 4).raw(5, tensor).node("Mul", {"x", "c"}, {"y"}).output("y", 4));
    CHECK_EQ(n.inputs().size(), 1u);
    CHECK_EQ(run(n, {1, 1, 1, 1})[1], 2.0f);
  }
}

TEST_CASE("onnx: cut or damaged anywhere, it is refused or still a network; never worse") {
  std::mt19937 rng(5);
  const auto bytes =
      GraphBuilder()
          .input("x", 6)
          .weights("w", {8, 6}, toy::random_floats(rng, 48))
          .weights("b", {8}, toy::random_floats(rng, 8))
          .weights("g", {8}, toy::random_floats(rng, 8))
          .node("Gemm", {"x", "w", "b"}, {"h"}, {attribute_i("transB", 1)})
          .node("LayerNormalization", {"h", "g", "b"}, {"l"}, {attribute_i("axis", -1), attribute_f("epsilon", 1e-5f)})
          .node("Mish", {"l"}, {"m"})
          .integers("s", {1, -1, 4})
          .integers("t", {1, 8})
          .node("Reshape", {"m", "s"}, {"r"})
          .node("Softmax", {"r"}, {"p"})
          .node("Reshape", {"p", "t"}, {"y"})
          .output("y", 8)
          .build();
  CHECK_EQ(Network::from_onnx(bytes, "t").program().ops.size(), 1u + 1u);  // dense + norm + mish, then the softmax
  int refused = 0;
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    try {
      Network::from_onnx(std::span(bytes).first(size), "t");
    } catch (const metaworld_rt::Error&) {
      ++refused;
    }
  }
  CHECK_EQ(refused, static_cast<int>(bytes.size()));
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      auto damaged = bytes;
      damaged[i] ^= static_cast<std::byte>(1 << bit);
      try {
        const Network n = Network::from_onnx(damaged, "t");
        run(n, std::vector<float>(n.input_size(), 0.5f));
      } catch (const metaworld_rt::Error&) {
        ++refused;
      }
    }
  }
  CHECK(refused > static_cast<int>(bytes.size()));
}

TEST_CASE("onnx: small files that would grow large are refused") {
  GraphBuilder doubling;  // each node doubles the vector
  doubling.input("x", 1024);
  std::string last = "x";
  for (int i = 0; i < 40; ++i) {
    const std::string next = "v" + std::to_string(i);
    doubling.node("Concat", {last, last}, {next}, {attribute_i("axis", -1)});
    last = next;
  }
  doubling.output(last, 4);
  CHECK_THROWS(load(doubling), "elements; the native engine takes");

  GraphBuilder reuse;  // one matrix, used again and again
  reuse.input("x", 256).weights("w", {256, 256}, std::vector<float>(256 * 256));
  last = "x";
  for (int i = 0; i < 200; ++i) {
    const std::string next = "v" + std::to_string(i);
    reuse.node("MatMul", {last, "w"}, {next});
    last = next;
  }
  reuse.output(last, 256);
  CHECK_THROWS(load(reuse), "far more memory");

  GraphBuilder nodes;
  nodes.input("x", 1);
  for (int i = 0; i < 5000; ++i) nodes.node("Relu", {"x"}, {"v" + std::to_string(i)});
  CHECK_THROWS(load(nodes), "more than 4096 nodes");
}

TEST_CASE("fusion: a torch NormedLinear chain becomes one op a layer") {
  std::mt19937 rng(6);
  const auto v = [&](std::size_t n) { return toy::random_floats(rng, n); };
  const Network n = load(GraphBuilder()
                             .input("z", 8)
                             .input("a", 4)
                             .node("Concat", {"z", "a"}, {"x"}, {attribute_i("axis", -1)})
                             .weights("w", {16, 12}, v(192))
                             .weights("b", {16}, v(16))
                             .weights("g", {16}, v(16))
                             .node("MatMul", {"x", "wt"}, {"h0"})
                             .node("Add", {"h0", "b"}, {"h"})
                             .weights("wt", {12, 16}, v(192))
                             .node("LayerNormalization", {"h", "g", "b"}, {"l"})
                             .node("Softplus", {"l"}, {"sp"})
                             .node("Tanh", {"sp"}, {"th"})
                             .node("Mul", {"l", "th"}, {"m"})
                             .node("Gemm", {"m", "w2"}, {"q"})
                             .weights("w2", {16, 8}, v(128))
                             .node("Sigmoid", {"q"}, {"sg"})
                             .node("Mul", {"sg", "q"}, {"y"})
                             .output("y", 8));
  const auto& ops = n.program().ops;
  CHECK_EQ(ops.size(), 3u);
  CHECK(ops[0].kind == Op::Kind::concat);
  CHECK(ops[1].kind == Op::Kind::dense && ops[1].has_norm && ops[1].activation == Activation::mish);
  CHECK(ops[2].kind == Op::Kind::dense && !ops[2].has_norm && ops[2].activation == Activation::silu);
}

TEST_CASE("fusion: a value that something else reads stays") {
  std::mt19937 rng(7);
  const Network n = load(GraphBuilder()
                             .input("x", 8)
                             .weights("w", {8, 8}, toy::random_floats(rng, 64))
                             .node("Gemm", {"x", "w"}, {"h"})
                             .node("Tanh", {"h"}, {"y"})
                             .output("h", 8)
                             .output("y", 8));
  CHECK_EQ(n.program().ops.size(), 2u);
  CHECK_EQ(n.outputs()[0].name, "h");
  const auto out = run(n, toy::random_floats(rng, 8));
  CHECK_NEAR(std::tanh(out[0]), out[8], 1e-6);
}
