// Settling, the files' side: what an interrupted pass left in its segments, and closing them.
#pragma once

#include <string>

#include "destination/destination.h"
#include "destination/file_target.h"

namespace osarchiver {

// As Destination::SurveyPass. `directory` is where today's layout puts the run, relative to the
// root.
Survey SurveySegments(const FileTarget& target, const std::string& directory, const RunInfo& run,
                      const PassInfo& pass, Journal& journal);

// As Destination::CloseInterrupted. Every step may be repeated after a crash.
void CloseSegments(const FileTarget& target, const RunInfo& run, const PassInfo& pass,
                   Journal& journal);

}  // namespace osarchiver
