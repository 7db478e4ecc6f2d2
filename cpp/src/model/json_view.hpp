// A JSON value together with where it stands, so that every refusal names its key.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/json.hpp"

namespace metaworld_rt::model {

/// All members throw Error "bundle.json: KEY: what is wrong".
class JsonView {
 public:
  JsonView(const Json& value, std::string path) : value_(&value), path_(std::move(path)) {}

  [[noreturn]] void fail(const std::string& what) const;

  /// A member that must be there.
  JsonView at(std::string_view key) const;
  /// A member that may be absent or null.
  std::optional<JsonView> maybe(std::string_view key) const;
  /// An object with no other keys than these: a misspelled setting must not be ignored.
  void only(std::initializer_list<std::string_view> keys) const;

  /// Elements of an array whose length is in [least, most].
  std::vector<JsonView> elements(std::size_t least, std::size_t most) const;
  /// Members of an object, by name.
  std::vector<std::pair<std::string_view, JsonView>> members(std::size_t most) const;

  double number(double least, double most) const;
  std::uint32_t integer(std::uint32_t least, std::uint32_t most) const;
  /// Exactly `count` numbers.
  std::vector<double> numbers(std::size_t count, double least, double most) const;
  /// 1..most bytes, no control characters.
  const std::string& text(std::size_t most) const;
  const Json& json() const { return *value_; }

 private:
  const Json& expect(Json::Type type) const;

  const Json* value_;
  std::string path_;
};

}  // namespace metaworld_rt::model
