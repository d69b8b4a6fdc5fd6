#include <algorithm>
#include <cctype>

#include "config/load.h"

namespace osarchiver {
namespace {

std::string Folded(std::string_view word) {
  std::string folded(word);
  for (char& c : folded) {
    c = c == '-' ? '_' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return folded;
}

// Edits to turn `a` into `b`: inserting, removing or replacing a letter, swapping two neighbours.
std::size_t Distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> before_last(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    before_last.swap(last);
    last.swap(row);
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, replaced});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before_last[j - 2] + 1);
      }
    }
  }
  return row[b.size()];
}

}  // namespace

std::optional<std::string> NearestWord(std::string_view word,
                                       const std::vector<std::string>& candidates) {
  const std::string wanted = Folded(word);
  // A third of the letters may be wrong; beyond that a suggestion confuses more than it helps.
  const std::size_t limit = (wanted.size() + 2) / 3;
  const std::string* nearest = nullptr;
  std::size_t nearest_distance = limit + 1;
  for (const std::string& candidate : candidates) {
    const std::string folded = Folded(candidate);
    const std::size_t length_difference =
        std::max(folded.size(), wanted.size()) - std::min(folded.size(), wanted.size());
    if (length_difference >= nearest_distance) continue;
    const std::size_t distance = Distance(wanted, folded);
    if (distance >= nearest_distance || distance >= std::max(wanted.size(), folded.size()))
      continue;
    nearest = &candidate;
    nearest_distance = distance;
  }
  return nearest == nullptr ? std::nullopt : std::optional<std::string>(*nearest);
}

}  // namespace osarchiver
