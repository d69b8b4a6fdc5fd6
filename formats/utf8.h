// Whether bytes are UTF-8, and where its characters end.
#pragma once

#include <cstddef>
#include <string_view>

namespace osarchiver {

// Length in bytes of the well-formed UTF-8 character at the start of `text` (no surrogates, no
// overlong forms, at most U+10FFFF); 0 when there is none.
std::size_t Utf8CharacterSize(std::string_view text);
bool IsUtf8(std::string_view text);

}  // namespace osarchiver
