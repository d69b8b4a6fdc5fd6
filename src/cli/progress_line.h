// One line on the terminal that is rewritten in place and gets out of the way of log lines.
#pragma once

#include <memory>

#include "engine/progress.h"

namespace osarchiver {

// Shows `progress` on stderr while it lives, if stderr is a terminal; otherwise does nothing. At
// most one at a time.
class ProgressLine {
 public:
  explicit ProgressLine(const Progress& progress);
  ~ProgressLine();

 private:
  std::unique_ptr<Ticker> ticker_;
};

}  // namespace osarchiver
