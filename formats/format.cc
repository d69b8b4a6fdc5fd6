#include "formats/format.h"

#include <array>

#include "formats/csv_format.h"
#include "formats/sql_format.h"

namespace osarchiver {
namespace {

const SqlFormat kSql{};
const CsvFormat kCsv{};

constexpr std::array<const Format*, 2> kFormats = {&kSql, &kCsv};

}  // namespace

const Format* FindFormat(std::string_view name) {
  for (const Format* format : kFormats) {
    if (format->name() == name) return format;
  }
  return nullptr;
}

std::vector<std::string> FormatNames() {
  std::vector<std::string> names;
  for (const Format* format : kFormats) names.emplace_back(format->name());
  return names;
}

}  // namespace osarchiver
