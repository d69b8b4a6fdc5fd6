// Earlier versions of rows that a newer version took the place of in an archive table. They are
// kept in the newer batch's control entry, so that the older batch can still be read back whole.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace osarchiver {

struct SupersededVersion {
  std::string key;       // canonical key bytes
  std::string row;       // canonical bytes under the definition of the batch that archived it
  std::string run_name;  // of that batch; "" when only the journal knew it
  std::uint64_t number = 0;
};

// "" for none; otherwise JSON in one zstd frame.
std::string EncodeSuperseded(const std::vector<SupersededVersion>& versions);
// Throws IntegrityError when the bytes are not what EncodeSuperseded made.
std::vector<SupersededVersion> DecodeSuperseded(std::string_view blob);

}  // namespace osarchiver
