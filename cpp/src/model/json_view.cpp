#include "model/json_view.hpp"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "metaworld_rt/error.hpp"
#include "model/text.hpp"

namespace metaworld_rt::model {
namespace {

std::string shown(double x) {
  std::ostringstream s;
  s << x;
  return s.str();
}

}  // namespace

void JsonView::fail(const std::string& what) const {
  throw Error("bundle.json: " + (path_.empty() ? "" : path_ + ": ") + what);
}

const Json& JsonView::expect(Json::Type type) const {
  if (value_->type != type) fail(std::string("must be ") + describe(type) + ", it is " + describe(value_->type));
  return *value_;
}

JsonView JsonView::at(std::string_view key) const {
  const Json* member = expect(Json::Type::object).find(key);
  const std::string path = (path_.empty() ? "" : path_ + ".") + std::string(key);
  if (!member) throw Error("bundle.json: " + path + ": is missing");
  return {*member, path};
}

std::optional<JsonView> JsonView::maybe(std::string_view key) const {
  const Json* member = expect(Json::Type::object).find(key);
  if (!member || member->type == Json::Type::null) return std::nullopt;
  return at(key);
}

void JsonView::only(std::initializer_list<std::string_view> keys) const {
  for (const std::string& key : expect(Json::Type::object).keys) {
    if (std::find(keys.begin(), keys.end(), key) == keys.end()) fail("unknown key " + printable(key));
  }
}

std::vector<JsonView> JsonView::elements(std::size_t least, std::size_t most) const {
  const auto& array = expect(Json::Type::array).items;
  if (array.size() < least || array.size() > most) {
    fail("must have " +
         (least == most ? std::to_string(least) : std::to_string(least) + " to " + std::to_string(most)) +
         " elements, it has " + std::to_string(array.size()));
  }
  std::vector<JsonView> out;
  for (std::size_t i = 0; i < array.size(); ++i) out.emplace_back(array[i], path_ + "[" + std::to_string(i) + "]");
  return out;
}

std::vector<std::pair<std::string_view, JsonView>> JsonView::members(std::size_t most) const {
  const Json& object = expect(Json::Type::object);
  if (object.keys.size() > most) fail("has more than " + std::to_string(most) + " members");
  std::vector<std::pair<std::string_view, JsonView>> out;
  for (std::size_t i = 0; i < object.keys.size(); ++i) {
    out.emplace_back(object.keys[i], JsonView(object.items[i], path_ + "." + printable(object.keys[i])));
  }
  return out;
}

double JsonView::number(double least, double most) const {
  const double x = expect(Json::Type::number).number;
  if (!(x >= least && x <= most)) fail(shown(x) + " is not in " + shown(least) + ".." + shown(most));
  return x;
}

std::uint32_t JsonView::integer(std::uint32_t least, std::uint32_t most) const {
  const double x = number(least, most);
  if (x != std::floor(x)) fail("must be a whole number");
  return static_cast<std::uint32_t>(x);
}

std::vector<double> JsonView::numbers(std::size_t count, double least, double most) const {
  std::vector<double> out;
  for (const JsonView& e : elements(count, count)) out.push_back(e.number(least, most));
  return out;
}

const std::string& JsonView::text(std::size_t most) const {
  const std::string& s = expect(Json::Type::string).string;
  if (s.empty() || s.size() > most) fail("must have 1 to " + std::to_string(most) + " bytes");
  if (std::any_of(s.begin(), s.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; })) {
    fail("holds a control character");
  }
  return s;
}

}  // namespace metaworld_rt::model
