#include "cli/command.h"
#include "cli/options.h"
#include "formats/segment_text.h"
#include "util/error.h"
#include "util/file_system.h"

namespace osarchiver {

// For readers that stop at the first zstd frame (older python-zstandard, hence pandas).
ExitCode CatCommand(const GlobalOptions&, const Arguments& arguments) {
  const auto options = ParseOptions(
      "cat FILE...", "Writes the text of segment files to standard output.", {}, arguments);
  if (!options) return ExitCode::kSuccess;
  if (options->positional().empty()) throw ConfigError("cat needs a file");
  for (const std::string& path : options->positional()) {
    CopySegmentText(PosixFileSystem(), path,
                    [](std::string_view text) { Print(std::string(text)); });
  }
  return ExitCode::kSuccess;
}

}  // namespace osarchiver
