// Keeps the load on the source bounded by what the source and its replicas say (P7). Thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "config/settings.h"
#include "engine/run_services.h"

namespace osarchiver {

class Throttle {
 public:
  Throttle(RunServices& services, const ThrottleSettings& settings);
  ~Throttle();
  // Returns when the next unit may be read or deleted, or when the run is asked to stop. While it
  // waits, progress, status and journal say why.
  void Wait();
  // `rows` were deleted: counts towards max_rows_per_second.
  void AddRows(std::uint64_t rows);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace osarchiver
