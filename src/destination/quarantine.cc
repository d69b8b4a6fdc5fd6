#include "destination/quarantine.h"

#include <fmt/format.h>

#include "util/log.h"

namespace osarchiver {

void PutAside(const FileTarget& target, const SegmentInfo& segment, Journal& journal) {
  if (segment.state == SegmentState::kDamaged) return;
  const std::filesystem::path path = target.PathOf(segment);
  const std::string damaged = segment.path + std::string(kDamagedEnding);
  // After a crash between renaming and journaling the new name is there already.
  if (target.files.Exists(path)) target.files.Rename(path, target.root / damaged);
  if (target.files.Exists(path.parent_path())) target.files.SyncDirectory(path.parent_path());
  journal.MarkDamaged(segment.id, damaged);
  LogError(fmt::format("{} is damaged and was renamed to {}", path.string(), damaged));
}

}  // namespace osarchiver
