// Bytes as one zstd frame, for what is kept inside a database.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace osarchiver {

// One frame with content size and checksum.
std::string Compress(std::string_view bytes);
// The inverse. Throws IntegrityError when `frame` is not one whole frame with its size, holds more
// than `limit_bytes`, or its checksum is wrong.
std::string Decompress(std::string_view frame, std::uint64_t limit_bytes);

}  // namespace osarchiver
