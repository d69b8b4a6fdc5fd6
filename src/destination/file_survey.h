// Settling, the files' side: what an interrupted pass left in its segments, and closing them.
#pragma once

#include <string>
#include <vector>

#include "destination/destination.h"
#include "destination/file_target.h"

namespace osarchiver {

// As Destination::FindUnknown.
std::vector<std::string> FindUnknownSegments(const FileTarget& target, const RunInfo& run,
                                             Journal& journal);

// As Destination::SurveyPass.
Survey SurveySegments(const FileTarget& target, const RunInfo& run, const PassInfo& pass,
                      Journal& journal);

// As Destination::CloseInterrupted. Every step may be repeated after a crash.
void CloseSegments(const FileTarget& target, const RunInfo& run, const PassInfo& pass,
                   Journal& journal);

}  // namespace osarchiver
