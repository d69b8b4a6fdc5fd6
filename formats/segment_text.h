// The plain text of a segment, as `zstdcat` gives it: every frame, the skippable ones left out.
#pragma once

#include <filesystem>
#include <functional>
#include <string_view>

#include "util/file_system.h"

namespace osarchiver {

// Gives the text to `on_text` in pieces of at most 128 KiB. Throws IoError; IntegrityError when the
// file is cut or a frame's checksum does not hold, after the text before it was given.
void CopySegmentText(FileSystem& files, const std::filesystem::path& path,
                     const std::function<void(std::string_view)>& on_text);

}  // namespace osarchiver
