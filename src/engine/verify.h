// Proves the archives against the journal, or single files by themselves (P6).
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "config/settings.h"
#include "destination/destination.h"
#include "engine/exit_status.h"
#include "util/stop.h"

namespace osarchiver {

struct VerifyRequest {
  std::vector<std::string> archivers;  // empty: all that the journal knows
  std::string run;                     // number, name or "last"; "" for all
  std::string since;                   // only runs started since, "2026-11-01"
  double sample = 1;                   // share of batches whose content is read
  std::uint64_t seed = 0;              // of the sample; printed
};

struct VerifyReport {
  double sample = 1;                        // share of the batches whose content was read
  std::uint64_t seed = 0;                   // of the sample
  std::vector<VerifyFinding> segments;      // files
  std::vector<VerifyFinding> destinations;  // databases
  std::vector<std::string> problems;        // destinations that could not be asked
  bool stopped = false;
  bool by_journal = false;  // not files by themselves: there is a next step
  ExitCode exit_code = ExitCode::kSuccess;
};

// Walks the journal, so that it also finds what is missing. Reads only, but for the verifications
// that it records.
VerifyReport VerifyArchives(const Settings& settings, const VerifyRequest& request, Clock& clock,
                            StopControl& stop);
// Looks at files alone: neither journal nor configuration is needed.
VerifyReport VerifyFiles(const std::vector<std::filesystem::path>& paths);

std::string VerifyJson(const VerifyReport& report);
std::string VerifyText(const VerifyReport& report);

// What to do about damage that was found, a line for each kind: a run makes files good, and leaves
// archive databases alone.
std::string StepsAfterDamage(bool in_files, bool in_databases);

}  // namespace osarchiver
