#include "config/problems.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "config/load.h"

namespace osarchiver {
namespace {

constexpr std::size_t kListedWordsMax = 8;

// Keys and values are shown as they are in the file; a line break or a NUL in one would end the
// line or the whole message.
std::string Printable(std::string text) {
  std::replace_if(
      text.begin(), text.end(),
      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
  return text;
}

}  // namespace

void Problems::AddOnce(Problem problem, std::vector<Problem>* list) {
  if (std::find(list->begin(), list->end(), problem) == list->end()) {
    list->push_back(std::move(problem));
  }
}

void Problems::Add(Place place, std::string message) {
  AddOnce({place, Printable(std::move(message))}, &problems_);
}

void Problems::Warn(Place place, std::string message) {
  AddOnce({place, Printable(std::move(message))}, &warnings_);
}

std::vector<std::string> Problems::Lines(std::vector<Problem> list, const std::string& file) {
  std::stable_sort(list.begin(), list.end(), [](const Problem& a, const Problem& b) {
    return std::tie(a.place.line, a.place.column) < std::tie(b.place.line, b.place.column);
  });
  std::vector<std::string> lines;
  for (const Problem& problem : list) {
    lines.push_back(file + ":" + std::to_string(problem.place.line) + ":" +
                    std::to_string(problem.place.column) + ": " + problem.message);
  }
  return lines;
}

std::string Problems::Text(const std::string& file) const {
  std::string text;
  for (const std::string& line : Lines(problems_, file)) {
    if (!text.empty()) text += '\n';
    text += line;
  }
  return text;
}

std::vector<std::string> Problems::Warnings(const std::string& file) const {
  return Lines(warnings_, file);
}

std::string Suggestion(std::string_view word, const std::vector<std::string>& candidates) {
  if (const auto near = NearestWord(word, candidates)) return "; did you mean '" + *near + "'?";
  if (candidates.empty() || candidates.size() > kListedWordsMax) return {};
  std::string text = candidates.size() == 1 ? "; there is only '" : "; there are '";
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    if (i > 0) text += i + 1 == candidates.size() ? "' and '" : "', '";
    text += candidates[i];
  }
  return text + "'";
}

}  // namespace osarchiver
