// Putting foreign text into messages safely.
#pragma once

#include <string>
#include <string_view>

namespace metaworld_rt::model {

/// `text` as one printable line of at most 80 characters: what comes from a file may hold anything.
std::string printable(std::string_view text);

/// True if `text` is well-formed UTF-8 (no surrogates, no overlong forms).
bool valid_utf8(std::string_view text) noexcept;

}  // namespace metaworld_rt::model
