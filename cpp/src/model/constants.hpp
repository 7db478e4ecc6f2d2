// Constants of an ONNX graph: initializers, Constant nodes and what is computed from them, shapes above all.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "model/budget.hpp"
#include "model/onnx_reader.hpp"

namespace metaworld_rt::model {

using Dims = std::vector<std::int64_t>;

/// Product of dims, each in 0..2^31. Throws Error if it exceeds 2^31.
std::size_t element_count(const Dims& dims);
/// numpy's rule. Throws Error if the shapes do not fit.
Dims broadcast_shape(const Dims& a, const Dims& b);
/// For each element of `to`, in order, the flat index of the element of `from` that numpy would put there.
std::vector<std::uint32_t> broadcast_index(const Dims& from, const Dims& to, Budget& budget);
/// A possibly negative axis of a tensor of that rank, or Error.
std::size_t normal_axis(std::int64_t axis, std::size_t rank);
/// The shape that Reshape gives to something with `dims`. Throws Error.
Dims reshaped(const Dims& dims, const Dims& target, bool allow_zero);
/// Unsqueeze and Squeeze.
Dims unsqueezed(const Dims& dims, const Dims& axes);
Dims squeezed(const Dims& dims, const Dims& axes);

struct Constant {
  Dims dims;
  bool is_float = false;
  const OnnxTensor* file = nullptr;  ///< the data is in the file, or
  std::vector<float> floats;         ///< here
  std::vector<std::int64_t> integers;

  std::size_t count() const { return element_count(dims); }
  float float_at(std::size_t i) const { return file ? file->float_at(i) : floats[i]; }
  std::int64_t integer_at(std::size_t i) const { return file ? file->integer_at(i) : integers[i]; }
  /// All elements of an integer vector (or scalar); Error if it is not one, or longer than 64.
  Dims as_integers() const;
  /// The one element; Error if there is not exactly one or it is of the other family.
  float as_float() const;
};

/// A view of a tensor of the file. Throws Error for other element types than float32/64 and int32/64.
Constant constant_of(const OnnxTensor& tensor);

/// Computes a node whose inputs are all constant. Returns false if its op is not one that is folded.
bool fold(const OnnxNode& node, std::span<const Constant* const> inputs, Budget& budget, Constant& out);

}  // namespace metaworld_rt::model
