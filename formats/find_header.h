// Where a segment's header is found. Internal to formats/.
#pragma once

#include <optional>

#include "formats/segment_record.h"
#include "util/file_system.h"

namespace osarchiver {

// The header record: behind the first frame; when that is damaged, wherever it stands; when it is
// damaged itself, the copy that the footer holds. Nothing when there is none.
std::optional<Record> FindHeader(File& file);

}  // namespace osarchiver
