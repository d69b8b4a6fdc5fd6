// Settling, the files' side: what an interrupted pass left in its segments, and closing them.
#pragma once

#include <string>
#include <vector>

#include "destination/destination.h"
#include "destination/file_target.h"

namespace osarchiver {

// Whether a batch's bytes in this segment may go: it is forgotten, so that its rows are stored
// again under another number, or it lies in another segment of this target by now.
bool IsSettledElsewhere(const BatchInfo& batch, const SegmentInfo& segment);

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
