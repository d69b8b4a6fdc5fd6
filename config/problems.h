// What is wrong with a configuration file, collected so that an operator sees all of it at once.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/config_node.h"

namespace osarchiver {

class Problems {
 public:
  // The same text at the same place is kept once: `defaults` are read for every source and
  // destination.
  void Add(Place place, std::string message);
  // Odd and not wrong.
  void Warn(Place place, std::string message);

  bool empty() const { return problems_.empty(); }
  // In the order of the file, one per line: "FILE:LINE:COLUMN: message".
  std::string Text(const std::string& file) const;
  std::vector<std::string> Warnings(const std::string& file) const;

 private:
  struct Problem {
    Place place;
    std::string message;
    bool operator==(const Problem&) const = default;
  };
  static void AddOnce(Problem problem, std::vector<Problem>* list);
  static std::vector<std::string> Lines(std::vector<Problem> list, const std::string& file);

  std::vector<Problem> problems_;
  std::vector<Problem> warnings_;
};

// "; did you mean 'x'?", or the words there are when none is near and they are few.
std::string Suggestion(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace osarchiver
