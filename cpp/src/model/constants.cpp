#include "model/constants.hpp"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "metaworld_rt/error.hpp"
#include "model/text.hpp"

namespace metaworld_rt::model {

std::size_t element_count(const Dims& dims) {
  std::int64_t count = 1;
  for (std::int64_t d : dims) {
    if (d < 0 || __builtin_mul_overflow(count, d, &count) || count > (std::int64_t{1} << 31)) {
      throw Error("a shape is too large");
    }
  }
  return static_cast<std::size_t>(count);
}

Dims broadcast_shape(const Dims& a, const Dims& b) {
  Dims out(std::max(a.size(), b.size()));
  for (std::size_t k = 0; k < out.size(); ++k) {  // from the last axis
    const std::int64_t da = k < a.size() ? a[a.size() - 1 - k] : 1;
    const std::int64_t db = k < b.size() ? b[b.size() - 1 - k] : 1;
    if (da != db && da != 1 && db != 1) throw Error("the shapes of its inputs do not fit");
    out[out.size() - 1 - k] = da == 1 ? db : da;
  }
  return out;
}

std::vector<std::uint32_t> broadcast_index(const Dims& from, const Dims& to, Budget& budget) {
  const std::size_t count = element_count(to);
  budget.take(count, sizeof(std::uint32_t));
  std::vector<std::uint32_t> index(count, 0);
  std::size_t inner = 1, stride = 1;  // of `to` and of `from`
  for (std::size_t k = 0; k < to.size(); ++k) {
    const auto size = static_cast<std::size_t>(to[to.size() - 1 - k]);
    const auto own = k < from.size() ? static_cast<std::size_t>(from[from.size() - 1 - k]) : 1;
    if (own != 1) {
      for (std::size_t i = 0; i < count; ++i) index[i] += static_cast<std::uint32_t>(i / inner % size * stride);
    }
    inner *= size;
    stride *= own;
  }
  return index;
}

std::size_t normal_axis(std::int64_t axis, std::size_t rank) {
  const auto r = static_cast<std::int64_t>(rank);
  if (axis < -r || axis >= r) throw Error("its axis is out of range");
  return static_cast<std::size_t>(axis < 0 ? axis + r : axis);
}

Dims reshaped(const Dims& dims, const Dims& target, bool allow_zero) {
  if (target.size() > 8) throw Error("its shape has a rank above 8");
  Dims out = target;
  std::size_t free = out.size();
  for (std::size_t k = 0; k < out.size(); ++k) {
    if (out[k] == 0 && !allow_zero) {
      if (k >= dims.size()) throw Error("its shape does not fit");
      out[k] = dims[k];
    }
    if (out[k] == -1) {
      if (free != out.size()) throw Error("its shape has two free dimensions");
      free = k;
      out[k] = 1;
    }
  }
  const std::size_t have = element_count(dims), fixed = element_count(out);
  if (free != out.size()) {
    if (fixed == 0 || have % fixed != 0) throw Error("its shape does not fit");
    out[free] = static_cast<std::int64_t>(have / fixed);
  } else if (fixed != have) {
    throw Error("its shape does not fit");
  }
  return out;
}

Dims unsqueezed(const Dims& dims, const Dims& axes) {
  const std::size_t rank = dims.size() + axes.size();
  if (rank > 8) throw Error("its shape has a rank above 8");
  std::vector<bool> added(rank, false);
  for (std::int64_t a : axes) {
    const std::size_t k = normal_axis(a, rank);
    if (added[k]) throw Error("it names an axis twice");
    added[k] = true;
  }
  Dims out;
  std::size_t next = 0;
  for (std::size_t k = 0; k < rank; ++k) out.push_back(added[k] ? 1 : dims[next++]);
  return out;
}

Dims squeezed(const Dims& dims, const Dims& axes) {
  std::vector<bool> dropped(dims.size(), false);
  for (std::int64_t a : axes) dropped[normal_axis(a, dims.size())] = true;
  Dims out;
  for (std::size_t k = 0; k < dims.size(); ++k) {
    if (axes.empty() ? dims[k] == 1 : dropped[k]) {
      if (dims[k] != 1) throw Error("it squeezes a dimension that is not 1");
    } else {
      out.push_back(dims[k]);
    }
  }
  return out;
}

Dims Constant::as_integers() const {
  if (is_float || dims.size() > 1 || count() > 64) throw Error("it needs a short vector of integers");
  Dims out;
  for (std::size_t i = 0; i < count(); ++i) out.push_back(integer_at(i));
  return out;
}

float Constant::as_float() const {
  if (!is_float || count() != 1) throw Error("it needs one number");
  return float_at(0);
}

Constant constant_of(const OnnxTensor& tensor) {
  Constant c;
  c.dims = tensor.dims;
  c.file = &tensor;
  c.is_float = tensor.is_float();
  if (!c.is_float && !tensor.is_integer()) {
    throw Error("tensor " + printable(tensor.name) +
                " is neither float32, float64, int32 nor int64; export the network in float32");
  }
  return c;
}

namespace {

/// `f` of each pair of elements, after broadcasting.
template <class T, class At, class F>
void elementwise(const Constant& a, const Constant& b, Budget& budget, Dims& dims, std::vector<T>& out, At at, F f) {
  dims = broadcast_shape(a.dims, b.dims);
  const auto ia = broadcast_index(a.dims, dims, budget), ib = broadcast_index(b.dims, dims, budget);
  budget.take(ia.size(), sizeof(T));
  out.reserve(ia.size());
  for (std::size_t k = 0; k < ia.size(); ++k) out.push_back(f(at(a, ia[k]), at(b, ib[k])));
}

bool fold_arithmetic(std::string_view op, const Constant& a, const Constant& b, Budget& budget, Constant& out) {
  if (op != "Add" && op != "Sub" && op != "Mul" && op != "Div") return false;
  if (a.is_float != b.is_float) throw Error("its inputs are of different types");
  out.is_float = a.is_float;
  if (out.is_float) {
    elementwise(
        a, b, budget, out.dims, out.floats, [](const Constant& c, std::size_t i) { return c.float_at(i); },
        [op](float x, float y) {
          return op == "Add" ? x + y : op == "Sub" ? x - y : op == "Mul" ? x * y : x / y;
        });
    return true;
  }
  elementwise(
      a, b, budget, out.dims, out.integers, [](const Constant& c, std::size_t i) { return c.integer_at(i); },
      [op](std::int64_t x, std::int64_t y) {
        std::int64_t r = 0;
        const bool bad = op == "Add"   ? __builtin_add_overflow(x, y, &r)
                         : op == "Sub" ? __builtin_sub_overflow(x, y, &r)
                         : op == "Mul" ? __builtin_mul_overflow(x, y, &r)
                                       : y == 0 || y == -1;
        if (bad && !(op == "Div" && y == -1 && !__builtin_sub_overflow(std::int64_t{0}, x, &r))) {
          throw Error("its integer arithmetic overflows");
        }
        return op == "Div" && y != -1 ? x / y : r;
      });
  return true;
}

bool fold_unary(std::string_view op, const Constant& a, Budget& budget, Constant& out) {
  if (op != "Sqrt" && op != "Neg" && op != "Reciprocal" && op != "Exp" && op != "Abs") return false;
  if (!a.is_float) return false;
  out.is_float = true;
  out.dims = a.dims;
  budget.take(a.count(), sizeof(float));
  for (std::size_t i = 0; i < a.count(); ++i) {
    const float x = a.float_at(i);
    out.floats.push_back(op == "Sqrt"         ? std::sqrt(x)
                         : op == "Neg"        ? -x
                         : op == "Reciprocal" ? 1.0f / x
                         : op == "Exp"        ? std::exp(x)
                                              : std::abs(x));
  }
  return true;
}

/// out = the elements of `a` at `index`, in that order.
void take(const Constant& a, std::span<const std::size_t> index, Budget& budget, Constant& out) {
  out.is_float = a.is_float;
  budget.take(index.size(), 8);
  for (std::size_t i : index) {
    if (a.is_float) {
      out.floats.push_back(a.float_at(i));
    } else {
      out.integers.push_back(a.integer_at(i));
    }
  }
}

std::vector<std::size_t> all(std::size_t count, Budget& budget) {
  budget.take(count, sizeof(std::size_t));
  std::vector<std::size_t> index(count);
  for (std::size_t i = 0; i < count; ++i) index[i] = i;
  return index;
}

Dims axes_of(const OnnxNode& node, std::span<const Constant* const> inputs) {
  if (inputs.size() > 1) return inputs[1]->as_integers();
  const OnnxAttribute* a = node.find("axes");
  return a ? a->ints : Dims{};
}

}  // namespace

bool fold(const OnnxNode& node, std::span<const Constant* const> inputs, Budget& budget, Constant& out) {
  const std::string_view op = node.op;
  if (inputs.empty()) return false;
  const Constant& a = *inputs[0];
  if (inputs.size() == 1 && fold_unary(op, a, budget, out)) return true;
  if (inputs.size() == 2 && fold_arithmetic(op, a, *inputs[1], budget, out)) return true;

  if (op == "Identity" || op == "Reshape" || op == "Unsqueeze" || op == "Squeeze") {
    take(a, all(a.count(), budget), budget, out);
    if (op == "Reshape" && inputs.size() == 2) {
      const OnnxAttribute* zero = node.find("allowzero");
      out.dims = reshaped(a.dims, inputs[1]->as_integers(), zero && zero->i.value_or(0) != 0);
    } else {
      out.dims = op == "Unsqueeze" ? unsqueezed(a.dims, axes_of(node, inputs))
                 : op == "Squeeze" ? squeezed(a.dims, axes_of(node, inputs))
                                   : a.dims;
    }
    return true;
  }
  if (op == "Cast") {
    const OnnxAttribute* to = node.find("to");
    const std::int64_t type = to ? to->i.value_or(0) : 0;
    out.dims = a.dims;
    out.is_float = type == 1 || type == 11;
    if (!out.is_float && type != 6 && type != 7) return false;
    budget.take(a.count(), 8);
    for (std::size_t i = 0; i < a.count(); ++i) {
      const float x = a.is_float ? a.float_at(i) : static_cast<float>(a.integer_at(i));
      if (out.is_float) {
        out.floats.push_back(x);
      } else if (a.is_float && !(std::abs(x) < 1e15f)) {
        throw Error("it casts a number that no integer can hold");
      } else {
        out.integers.push_back(a.is_float ? static_cast<std::int64_t>(x) : a.integer_at(i));
      }
    }
    return true;
  }
  if (op == "Transpose" && a.dims.size() == 2) {
    const OnnxAttribute* perm = node.find("perm");
    if (perm && perm->ints != Dims{1, 0}) return false;
    std::vector<std::size_t> index = all(a.count(), budget);
    const auto rows = static_cast<std::size_t>(a.dims[0]), columns = static_cast<std::size_t>(a.dims[1]);
    for (std::size_t i = 0; i < index.size(); ++i) index[i] = i % rows * columns + i / rows;
    take(a, index, budget, out);
    out.dims = {a.dims[1], a.dims[0]};
    return true;
  }
  if (op == "Gather" && inputs.size() == 2 && a.dims.size() == 1) {
    std::vector<std::size_t> index;
    for (std::int64_t i : inputs[1]->as_integers()) index.push_back(normal_axis(i, a.count()));
    take(a, index, budget, out);
    out.dims = inputs[1]->dims;
    return true;
  }
  if (op == "Concat") {  // of shape vectors
    out.is_float = a.is_float;
    for (const Constant* c : inputs) {
      if (c->is_float || c->dims.size() != 1) return false;
      budget.take(c->count(), sizeof(std::int64_t));
      for (std::size_t i = 0; i < c->count(); ++i) out.integers.push_back(c->integer_at(i));
    }
    out.dims = {static_cast<std::int64_t>(out.integers.size())};
    return true;
  }
  return false;
}

}  // namespace metaworld_rt::model
