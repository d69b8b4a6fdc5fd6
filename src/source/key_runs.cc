#include "source/key_runs.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>

namespace osarchiver {
namespace {

constexpr auto kIntegerTypes =
    std::to_array<std::string_view>({"tinyint", "smallint", "mediumint", "int", "bigint"});

// Nothing beyond the signed 64 bits: such keys are rare and stay in the list.
std::optional<std::int64_t> ToInteger(std::string_view text) {
  std::int64_t number = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), number);
  if (result.ec != std::errc() || result.ptr != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

bool CanFormRuns(const TableDefinition& definition, const std::vector<std::size_t>& columns) {
  return columns.size() == 1 &&
         std::find(kIntegerTypes.begin(), kIntegerTypes.end(),
                   definition.columns[columns[0]].data_type) != kIntegerTypes.end();
}

std::vector<KeyRun> FindRuns(const std::vector<std::string_view>& numbers, std::size_t min_length) {
  std::vector<KeyRun> runs;
  KeyRun run;
  std::optional<std::int64_t> last;
  const auto finish = [&runs, &run, min_length] {
    if (run.end - run.begin >= min_length) runs.push_back(run);
  };
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const std::optional<std::int64_t> number = ToInteger(numbers[i]);
    const bool follows =
        number && last && *last < std::numeric_limits<std::int64_t>::max() && *number == *last + 1;
    if (!follows) {
      finish();
      run.begin = i;
    }
    // What is no number never belongs to a run, not even to one of its own.
    run.end = number ? i + 1 : i;
    last = number;
  }
  finish();
  return runs;
}

}  // namespace osarchiver
