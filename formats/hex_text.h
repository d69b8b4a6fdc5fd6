// Bytes as lower-case hexadecimal, in bulk. Internal to formats/.
#pragma once

#include <cstddef>
#include <string_view>

#include "formats/text_buffer.h"

namespace osarchiver {

void PutHex(std::string_view bytes, TextBuffer* out);

// Decodes digits.size() / 2 bytes into `out`. Returns false unless `digits` is an even number of
// digits 0-9 and a-f.
[[nodiscard]] bool DecodeHex(std::string_view digits, char* out);

}  // namespace osarchiver
