#include "model/json.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "metaworld_rt/error.hpp"
#include "model/text.hpp"

namespace metaworld_rt::model {
namespace {

constexpr std::size_t kMaxText = 4u << 20;
constexpr int kMaxDepth = 32;
constexpr std::size_t kMaxValues = 32768;

class Parser {
 public:
  Parser(std::string_view text, std::string_view name) : text_(text), name_(name) {}

  Json document() {
    if (text_.size() > kMaxText) fail("is longer than 4 MiB");
    if (!valid_utf8(text_)) fail("is not valid UTF-8");
    Json v = value(0);
    space();
    if (at_ != text_.size()) fail("there is text after the end of the document");
    return v;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    const auto seen = text_.substr(0, at_);
    const auto line = 1 + std::count(seen.begin(), seen.end(), '\n');
    throw Error(std::string(name_) + ": line " + std::to_string(line) + ": " + what);
  }
  void space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\r' || text_[at_] == '\t'))
      ++at_;
  }
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool take(char c) {
    if (peek() != c) return false;
    ++at_;
    return true;
  }
  void word(std::string_view w) {
    if (text_.substr(at_, w.size()) != w) fail("not a JSON value");
    at_ += w.size();
  }

  Json value(int depth) {
    if (depth > kMaxDepth) fail("is nested more than 32 deep");
    if (++values_ > kMaxValues) fail("has more than 32768 values");
    space();
    Json v;
    v.begin = at_;
    switch (peek()) {
      case '{':
        object(v, depth);
        break;
      case '[':
        array(v, depth);
        break;
      case '"':
        v.type = Json::Type::string;
        v.string = string();
        break;
      case 't':
        word("true");
        v.type = Json::Type::boolean;
        v.boolean = true;
        break;
      case 'f':
        word("false");
        v.type = Json::Type::boolean;
        break;
      case 'n':
        word("null");
        break;
      default:
        v.type = Json::Type::number;
        v.number = number();
    }
    v.end = at_;
    return v;
  }

  void array(Json& v, int depth) {
    v.type = Json::Type::array;
    ++at_;
    space();
    if (take(']')) return;
    do {
      v.items.push_back(value(depth + 1));
      space();
    } while (take(','));
    if (!take(']')) fail("expected , or ] in an array");
  }

  void object(Json& v, int depth) {
    v.type = Json::Type::object;
    ++at_;
    space();
    if (take('}')) return;
    do {
      space();
      if (peek() != '"') fail("expected a key in double quotes");
      std::string key = string();
      space();
      if (!take(':')) fail("expected : after the key " + printable(key));
      v.keys.push_back(std::move(key));
      v.items.push_back(value(depth + 1));
      space();
    } while (take(','));
    if (!take('}')) fail("expected , or } in an object");
    std::vector<std::string_view> keys(v.keys.begin(), v.keys.end());
    std::sort(keys.begin(), keys.end());
    const auto twice = std::adjacent_find(keys.begin(), keys.end());
    if (twice != keys.end()) fail("the key " + printable(*twice) + " stands twice in one object");
  }

  std::uint32_t hex4() {
    std::uint32_t code = 0;
    for (int k = 0; k < 4; ++k, ++at_) {
      const char c = peek();
      const int digit = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
      if (digit < 0) fail("bad \\u escape");
      code = code * 16 + static_cast<std::uint32_t>(digit);
    }
    return code;
  }

  static void append_utf8(std::string& out, std::uint32_t code) {
    const auto byte = [&](std::uint32_t b) { out.push_back(static_cast<char>(b)); };
    if (code < 0x80) {
      byte(code);
    } else if (code < 0x800) {
      byte(0xc0 | code >> 6), byte(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
      byte(0xe0 | code >> 12), byte(0x80 | (code >> 6 & 0x3f)), byte(0x80 | (code & 0x3f));
    } else {
      byte(0xf0 | code >> 18), byte(0x80 | (code >> 12 & 0x3f)), byte(0x80 | (code >> 6 & 0x3f)),
          byte(0x80 | (code & 0x3f));
    }
  }

  std::string string() {
    std::string out;
    ++at_;
    for (;;) {
      if (at_ >= text_.size()) fail("a string has no end");
      const char c = text_[at_++];
      if (c == '"') return out;
      if (static_cast<unsigned char>(c) < 0x20) fail("a control character in a string");
      if (c != '\\') {
        out.push_back(c);
        continue;
      }
      const char e = peek();
      ++at_;
      switch (e) {
        case '"':
        case '\\':
        case '/':
          out.push_back(e);
          break;
        case 'b':
          out.push_back('\b');
          break;
        case 'f':
          out.push_back('\f');
          break;
        case 'n':
          out.push_back('\n');
          break;
        case 'r':
          out.push_back('\r');
          break;
        case 't':
          out.push_back('\t');
          break;
        case 'u': {
          std::uint32_t code = hex4();
          if (code >= 0xd800 && code < 0xdc00) {
            if (!(take('\\') && take('u'))) fail("half a surrogate pair");
            const std::uint32_t low = hex4();
            if (low < 0xdc00 || low >= 0xe000) fail("half a surrogate pair");
            code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
          } else if (code >= 0xdc00 && code < 0xe000) {
            fail("half a surrogate pair");
          }
          append_utf8(out, code);
          break;
        }
        default:
          fail("bad escape in a string");
      }
    }
  }

  bool digits() {
    const std::size_t from = at_;
    while (peek() >= '0' && peek() <= '9') ++at_;
    return at_ > from;
  }

  double number() {
    const std::size_t from = at_;
    take('-');
    if (!take('0') && !digits()) fail("not a JSON value");
    if (take('.') && !digits()) fail("a number without digits after the point");
    if (peek() == 'e' || peek() == 'E') {
      ++at_;
      if (peek() == '+' || peek() == '-') ++at_;
      if (!digits()) fail("a number without an exponent");
    }
    double out = 0.0;
    const auto [end, error] = std::from_chars(text_.data() + from, text_.data() + at_, out);
    if (error != std::errc() || end != text_.data() + at_ || !std::isfinite(out)) fail("a number out of range");
    return out;
  }

  std::string_view text_, name_;
  std::size_t at_ = 0;
  std::size_t values_ = 0;
};

}  // namespace

const Json* Json::find(std::string_view key) const noexcept {
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (keys[i] == key) return &items[i];
  }
  return nullptr;
}

Json parse_json(std::string_view text, std::string_view name) { return Parser(text, name).document(); }

const char* describe(Json::Type type) noexcept {
  switch (type) {
    case Json::Type::null:
      return "null";
    case Json::Type::boolean:
      return "true or false";
    case Json::Type::number:
      return "a number";
    case Json::Type::string:
      return "a string";
    case Json::Type::array:
      return "an array";
    case Json::Type::object:
      return "an object";
  }
  return "?";
}

}  // namespace metaworld_rt::model
