#include "check.hpp"
#include "model/json.hpp"
#include "model/sha256.hpp"
#include "model/text.hpp"

using metaworld_rt::model::Json;
using metaworld_rt::model::parse_json;

namespace {
Json parse(const std::string& text) { return parse_json(text, "t.json"); }
std::string hash(const std::string& text) {
  return metaworld_rt::model::sha256_hex({reinterpret_cast<const std::byte*>(text.data()), text.size()});
}
}  // namespace

TEST_CASE("json: every kind of value") {
  const Json j =
      parse(" {\"a\": [1, -2.5e3, 0.125, true, false, null], \"b\": {\"c\": \"x\"}, \"e\": [], \"f\": {}}\n");
  CHECK(j.type == Json::Type::object);
  CHECK_EQ(j.keys.size(), 4u);
  const auto& a = j.find("a")->items;
  CHECK_EQ(a.size(), 6u);
  CHECK_EQ(a[0].number, 1.0);
  CHECK_EQ(a[1].number, -2500.0);
  CHECK_EQ(a[2].number, 0.125);
  CHECK(a[3].boolean && !a[4].boolean && a[5].type == Json::Type::null);
  CHECK_EQ(j.find("b")->find("c")->string, "x");
  CHECK(j.find("z") == nullptr);
  CHECK_EQ(j.find("a")->begin, 7u);
}

TEST_CASE("json: strings") {
  CHECK_EQ(parse(R"("a\"\\\/\b\f\n\r\tA\u00e9\u20ac\ud83d\ude00")").string,
           "a\"\\/\b\f\n\r\tA\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
  CHECK_EQ(parse("\"\xc3\xa9\"").string, "\xc3\xa9");
  for (const char* bad : {"\"", "\"\\\"", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"\\ud800\"", "\"\\ud800\\u0041\"",
                          "\"\\udc00\"", "\"\n\"", "\"\\"}) {
    CHECK_THROWS(parse(bad), "t.json: line ");
  }
  CHECK_THROWS(parse("\"\xff\""), "UTF-8");
}

TEST_CASE("json: what is not JSON is refused, with the line") {
  for (const char* bad :
       {"",   " ",  "{",  "[", "[1,]", "{,}", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "[1 2]", "tru", "nul", "01",
        "1.", ".5", "+1", "-", "1e",   "1e+", "0x1",     "NaN",      "Infinity",   "1 2",   "[]]",   "\x01"}) {
    CHECK_THROWS(parse(bad), "t.json: line 1: ");
  }
  CHECK_THROWS(parse("{\n\"a\": 1,\n\"a\": 2}"), "line 3: the key a stands twice");
  CHECK_THROWS(parse("1e999"), "out of range");
  CHECK_THROWS(parse(std::string("[\0]", 3)), "not a JSON value");
}

TEST_CASE("json: depth, count and length are bounded") {
  CHECK_THROWS(parse(std::string(100000, '[')), "nested more than 32");
  CHECK(parse(std::string(32, '[') + std::string(32, ']')).type == Json::Type::array);
  std::string many = "[0";
  for (int i = 0; i < 40000; ++i) many += ",0";
  CHECK_THROWS(parse(many + "]"), "more than 32768 values");
  CHECK_THROWS(parse("\"" + std::string(5u << 20, 'a') + "\""), "longer than 4 MiB");
}

TEST_CASE("utf-8: overlong forms, surrogates and cut sequences are not valid") {
  using metaworld_rt::model::valid_utf8;
  CHECK(valid_utf8("plain") && valid_utf8("\xf4\x8f\xbf\xbf") && valid_utf8(""));
  for (const char* bad :
       {"\x80", "\xc0\xaf", "\xc1\xbf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "\xf8"}) {
    CHECK(!valid_utf8(bad));
  }
}

TEST_CASE("sha-256: the test vectors of FIPS 180-4, and the block edges") {
  CHECK_EQ(hash(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK_EQ(hash("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK_EQ(hash("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
           "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  CHECK_EQ(hash(std::string(1000000, 'a')), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  CHECK_EQ(hash(std::string(64, 'a')), "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb");
}
