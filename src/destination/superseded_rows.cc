#include "destination/superseded_rows.h"

#include <nlohmann/json.hpp>

#include "formats/compress.h"
#include "util/error.h"
#include "util/hash.h"

namespace osarchiver {
namespace {

using nlohmann::json;

constexpr std::uint64_t kMaxBytes = std::uint64_t{4} << 30;

}  // namespace

std::string EncodeSuperseded(const std::vector<SupersededVersion>& versions) {
  if (versions.empty()) return {};
  json list = json::array();
  for (const SupersededVersion& version : versions) {
    list.push_back({{"key", Hex(version.key)},
                    {"row", Hex(version.row)},
                    {"run", version.run_name},
                    {"batch", version.number}});
  }
  return Compress(list.dump());
}

std::vector<SupersededVersion> DecodeSuperseded(std::string_view blob) {
  std::vector<SupersededVersion> versions;
  if (blob.empty()) return versions;
  try {
    for (const json& item : json::parse(Decompress(blob, kMaxBytes))) {
      const auto key = BytesFromHex(item.at("key").get<std::string>());
      const auto row = BytesFromHex(item.at("row").get<std::string>());
      if (!key || !row) throw IntegrityError("a list of superseded rows is damaged");
      versions.push_back(
          {*key, *row, item.at("run").get<std::string>(), item.at("batch").get<std::uint64_t>()});
    }
  } catch (const json::exception&) {
    throw IntegrityError("a list of superseded rows is damaged");
  }
  return versions;
}

}  // namespace osarchiver
