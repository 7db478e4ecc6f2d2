#include "model/onnx_reader.hpp"

#include <cstring>

#include "metaworld_rt/error.hpp"
#include "model/onnx_wire.hpp"
#include "model/text.hpp"

// Field numbers: onnx/onnx.proto of ONNX 1.x; they never change.
namespace metaworld_rt::model {
namespace {

using Type = WireField::Type;

constexpr std::size_t kMaxNodes = 4096;
constexpr std::size_t kMaxInitializers = 8192;
constexpr std::size_t kMaxPorts = 64;
constexpr std::size_t kMaxRank = 8;
constexpr std::size_t kMaxMetadata = 256;
/// Nodes, attributes, names and small integers together. Each becomes a structure of up to 300 bytes.
constexpr std::size_t kMaxItems = 16384;

std::size_t element_size(std::int32_t type) {
  switch (static_cast<OnnxType>(type)) {
    case OnnxType::float32:
    case OnnxType::int32:
      return 4;
    case OnnxType::int64:
    case OnnxType::float64:
      return 8;
  }
  return 0;
}

class Reader {
 public:
  OnnxGraph model(std::span<const std::byte> bytes) {
    bool has_graph = false;
    WireReader reader(bytes);
    for (WireField f; reader.next(f);) {
      if (f.number == 7) {
        if (has_graph) throw Error("it has two graphs");
        has_graph = true;
        graph(f.expect(Type::bytes).bytes);
      } else if (f.number == 8) {
        opset(f.expect(Type::bytes).bytes);
      } else if (f.number == 14) {
        metadata(f.expect(Type::bytes).bytes);
      }
    }
    if (!has_graph) throw Error("it has no graph");
    if (out_.opset < 7) throw Error("its opset is older than 7; export with opset 17 or newer");
    return std::move(out_);
  }

 private:
  void count_item() {
    if (++items_ > kMaxItems) throw Error("the graph is too large for the native engine");
  }

  void opset(std::span<const std::byte> bytes) {
    std::string_view domain;
    std::int64_t version = 0;
    WireReader reader(bytes);
    for (WireField f; reader.next(f);) {
      if (f.number == 1) domain = f.expect(Type::bytes).text();
      if (f.number == 2) version = static_cast<std::int64_t>(f.expect(Type::varint).integer);
    }
    if (domain.empty() || domain == "ai.onnx") out_.opset = version;
  }

  void metadata(std::span<const std::byte> bytes) {
    if (out_.metadata.size() >= kMaxMetadata) throw Error("it has more than 256 metadata entries");
    std::string_view key, value;
    WireReader reader(bytes);
    for (WireField f; reader.next(f);) {
      if (f.number == 1) key = f.expect(Type::bytes).text();
      if (f.number == 2) value = f.expect(Type::bytes).text();
    }
    if (!valid_utf8(key) || !valid_utf8(value)) throw Error("its metadata is not valid UTF-8");
    out_.metadata.emplace_back(key, value);
  }

  void graph(std::span<const std::byte> bytes) {
    WireReader reader(bytes);
    for (WireField f; reader.next(f);) {
      switch (f.number) {
        case 1:
          if (out_.nodes.size() >= kMaxNodes) throw Error("it has more than 4096 nodes");
          out_.nodes.push_back(node(f.expect(Type::bytes).bytes));
          break;
        case 5:
          if (out_.initializers.size() >= kMaxInitializers) throw Error("it has more than 8192 initializers");
          count_item();
          out_.initializers.push_back(tensor(f.expect(Type::bytes).bytes));
          break;
        case 11:
        case 12: {
          auto& ports = f.number == 11 ? out_.inputs : out_.outputs;
          if (ports.size() >= kMaxPorts) throw Error("it has more than 64 inputs or outputs");
          ports.push_back(value_info(f.expect(Type::bytes).bytes));
          break;
        }
        case 15:
          throw Error("sparse initializers are not supported");
        default:
          break;  // names, documentation, shapes of inner values: not needed
      }
    }
  }

  OnnxNode node(std::span<const std::byte> bytes) {
    count_item();
    OnnxNode node;
    WireReader reader(bytes);
    for (WireField f; reader.next(f);) {
      switch (f.number) {
        case 1:
          count_item();
          node.inputs.push_back(f.expect(Type::bytes).text());
          break;
        case 2:
          count_item();
          node.outputs.push_back(f.expect(Type::bytes).text());
          break;
        case 3:
          node.name = f.expect(Type::bytes).text();
          break;
        case 4:
          node.op = f.expect(Type::bytes).text();
          break;
        case 5:
          count_item();
          node.attributes.push_back(attribute(f.expect(Type::bytes).bytes));
          break;
        case 7:
          node.domain = f.expect(Type::bytes).text();
          break;
        default:
          break;
      }
    }
    return node;
  }

  OnnxAttribute attribute(std::span<const std::byte> bytes) {
    OnnxAttribute a;
    WireReader reader(bytes);
    for (WireField f; reader.next(f);) {
      switch (f.number) {
        case 1:
          a.name = f.expect(Type::bytes).text();
          break;
        case 2:
          a.f = f.expect(Type::fixed32).as_float();
          break;
        case 3:
          a.i = static_cast<std::int64_t>(f.expect(Type::varint).integer);
          break;
        case 4:
          a.s = f.expect(Type::bytes).text();
          break;
        case 5:
          a.tensor = tensor(f.expect(Type::bytes).bytes);
          break;
        case 7:
          floats(f, a.floats);
          break;
        case 8:
          integers(f, a.ints);
          break;
        default:
          break;  // graphs, sparse tensors, type protos: a node that needs them is refused by its op
      }
    }
    return a;
  }

  void floats(const WireField& f, std::vector<float>& out) {
    const auto add = [&](std::uint64_t bits) {
      count_item();
      out.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(bits)));
    };
    if (f.type != Type::bytes) return add(f.expect(Type::fixed32).integer);
    for (WireReader packed(f.bytes); !packed.done();) add(packed.little_endian(4));
  }

  void integers(const WireField& f, std::vector<std::int64_t>& out) {
    const auto add = [&](std::uint64_t value) {
      count_item();
      out.push_back(static_cast<std::int64_t>(value));
    };
    if (f.type != Type::bytes) return add(f.expect(Type::varint).integer);
    for (WireReader packed(f.bytes); !packed.done();) add(packed.varint());
  }

  OnnxTensor tensor(std::span<const std::byte> bytes) {
    OnnxTensor t;
    bool has_raw = false;
    WireReader reader(bytes);
    for (WireField f; reader.next(f);) {
      switch (f.number) {
        case 1:
          integers(f, t.dims);
          break;
        case 2:
          t.type = static_cast<std::int32_t>(f.expect(Type::varint).integer);
          break;
        case 4:
          typed_fixed(f, 4, t.typed);
          break;
        case 5:
          typed_varint(f, 4, t.typed);
          break;
        case 7:
          typed_varint(f, 8, t.typed);
          break;
        case 8:
          t.name = f.expect(Type::bytes).text();
          break;
        case 9:
          t.raw = f.expect(Type::bytes).bytes;
          has_raw = true;
          break;
        case 10:
          typed_fixed(f, 8, t.typed);
          break;
        case 13:
          external(t);
        case 14:
          if (f.expect(Type::varint).integer == 1) external(t);
          break;
        default:
          break;
      }
    }
    if (t.dims.size() > kMaxRank) refuse(t, "has a rank above 8");
    const std::size_t each = element_size(t.type);
    if (each == 0) return t;  // strings, booleans, halves: refused where they are used
    if (!has_raw) t.raw = t.typed;
    const std::size_t have = t.raw.size() / each;
    bool empty = false;
    for (std::int64_t d : t.dims) {
      if (d < 0) refuse(t, "has a negative dimension");
      empty = empty || d == 0;
    }
    t.count = empty ? 0 : 1;
    if (!empty) {
      for (std::int64_t d : t.dims) {
        if (static_cast<std::uint64_t>(d) > have / t.count) refuse(t, "is shorter than its shape says");
        t.count *= static_cast<std::size_t>(d);
      }
    }
    if (t.count * each != t.raw.size()) refuse(t, "does not have the size that its shape says");
    return t;
  }

  [[noreturn]] static void refuse(const OnnxTensor& t, const char* what) {
    throw Error("tensor " + printable(t.name) + " " + what);
  }
  [[noreturn]] static void external(const OnnxTensor& t) {
    refuse(t, "keeps its data in another file; export with external_data=False");
  }

  /// float_data, double_data: elements of `size` bytes.
  void typed_fixed(const WireField& f, std::size_t size, std::vector<std::byte>& out) {
    if (f.type == Type::bytes) {
      if (f.bytes.size() % size != 0) throw Error("a tensor's data ends in the middle of an element");
      out.insert(out.end(), f.bytes.begin(), f.bytes.end());
      return;
    }
    append(f.expect(size == 4 ? Type::fixed32 : Type::fixed64).integer, size, out);
  }
  /// int32_data, int64_data. A varint of one byte becomes `size` bytes, so each counts as an item.
  void typed_varint(const WireField& f, std::size_t size, std::vector<std::byte>& out) {
    if (f.type != Type::bytes) {
      count_item();
      return append(f.expect(Type::varint).integer, size, out);
    }
    for (WireReader packed(f.bytes); !packed.done();) {
      count_item();
      append(packed.varint(), size, out);
    }
  }
  static void append(std::uint64_t value, std::size_t size, std::vector<std::byte>& out) {
    for (std::size_t k = 0; k < size; ++k) out.push_back(static_cast<std::byte>(value >> (8 * k)));
  }

  OnnxValueInfo value_info(std::span<const std::byte> bytes) {
    OnnxValueInfo info;
    WireReader reader(bytes);
    for (WireField f; reader.next(f);) {
      if (f.number == 1) info.name = f.expect(Type::bytes).text();
      if (f.number != 2) continue;
      WireReader type(f.expect(Type::bytes).bytes);
      for (WireField g; type.next(g);) {
        if (g.number == 1) tensor_type(g.expect(Type::bytes).bytes, info);
      }
    }
    if (!valid_utf8(info.name)) throw Error("the name of an input or output is not valid UTF-8");
    return info;
  }

  void tensor_type(std::span<const std::byte> bytes, OnnxValueInfo& info) {
    WireReader reader(bytes);
    for (WireField f; reader.next(f);) {
      if (f.number == 1) info.type = static_cast<std::int32_t>(f.expect(Type::varint).integer);
      if (f.number != 2) continue;
      info.has_shape = true;
      info.dims.clear();
      WireReader shape(f.expect(Type::bytes).bytes);
      for (WireField d; shape.next(d);) {
        if (d.number != 1) continue;
        if (info.dims.size() >= kMaxRank) throw Error("an input or output has a rank above 8");
        std::int64_t size = -1;
        WireReader dimension(d.expect(Type::bytes).bytes);
        for (WireField v; dimension.next(v);) {
          if (v.number == 1) size = static_cast<std::int64_t>(v.expect(Type::varint).integer);
        }
        info.dims.push_back(size);
      }
    }
  }

  OnnxGraph out_;
  std::size_t items_ = 0;
};

template <class T>
T element(std::span<const std::byte> raw, std::size_t i) noexcept {
  T value;
  std::memcpy(&value, raw.data() + i * sizeof(T), sizeof(T));
  return value;
}

}  // namespace

bool OnnxTensor::is_float() const noexcept {
  return type == static_cast<std::int32_t>(OnnxType::float32) || type == static_cast<std::int32_t>(OnnxType::float64);
}
bool OnnxTensor::is_integer() const noexcept {
  return type == static_cast<std::int32_t>(OnnxType::int32) || type == static_cast<std::int32_t>(OnnxType::int64);
}
float OnnxTensor::float_at(std::size_t i) const noexcept {
  return type == static_cast<std::int32_t>(OnnxType::float32) ? element<float>(raw, i)
                                                              : static_cast<float>(element<double>(raw, i));
}
std::int64_t OnnxTensor::integer_at(std::size_t i) const noexcept {
  return type == static_cast<std::int32_t>(OnnxType::int64) ? element<std::int64_t>(raw, i)
                                                            : element<std::int32_t>(raw, i);
}

const OnnxAttribute* OnnxNode::find(std::string_view attribute) const noexcept {
  for (const OnnxAttribute& a : attributes) {
    if (a.name == attribute) return &a;
  }
  return nullptr;
}

OnnxGraph read_onnx(std::span<const std::byte> bytes) { return Reader().model(bytes); }

}  // namespace metaworld_rt::model
