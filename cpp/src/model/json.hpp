// A small strict JSON reader (RFC 8259) for bundle.json, which is untrusted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace metaworld_rt::model {

struct Json {
  enum class Type : std::uint8_t { null, boolean, number, string, array, object };

  Type type = Type::null;
  bool boolean = false;
  double number = 0.0;
  std::string string;
  std::vector<Json> items;         ///< elements of an array, values of an object
  std::vector<std::string> keys;   ///< of an object, in file order, unique
  std::size_t begin = 0, end = 0;  ///< where the text of this value stands

  const Json* find(std::string_view key) const noexcept;
};

/// Limits: 4 MiB of text, depth 32, 32768 values. Duplicate keys, invalid UTF-8, numbers beyond double and anything
/// after the value are refused. Throws Error "NAME: line L: what is wrong".
Json parse_json(std::string_view text, std::string_view name);

/// "null", "a number", ... for messages.
const char* describe(Json::Type type) noexcept;

}  // namespace metaworld_rt::model
