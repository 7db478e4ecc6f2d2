// From an ONNX graph to the engine's Program: shape inference at batch 1, constant folding, one Op for each node.
#pragma once

#include <cstddef>
#include <string>

#include "model/budget.hpp"
#include "model/onnx_reader.hpp"
#include "model/program.hpp"

namespace metaworld_rt::model {

/// Longest vector of the native engine.
inline constexpr std::size_t kMaxVector = 16384;

/// Throws Error "node X, op Y ..." (without the file's name). The result is not fused yet.
Program lower(const OnnxGraph& graph, std::string name, Budget& budget);

/// Merges what follows a dense layer into it (bias, LayerNorm, activation, SimNorm), rebuilds Mish and SiLU from
/// their parts, and drops operations that no output needs.
void fuse(Program& program);

}  // namespace metaworld_rt::model
