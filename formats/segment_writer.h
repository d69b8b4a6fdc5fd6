// Appends batches to one new archive file, a zstd frame and its record each. What Append returned
// is durable; what it did not return may or may not be on the disk, and is for settling to judge.
// Not thread-safe.
#pragma once

#include <filesystem>
#include <memory>

#include "formats/format.h"
#include "formats/segment.h"
#include "util/file_system.h"

namespace osarchiver {

class SegmentWriter {
 public:
  // Creates `path` (mode 0640), empty; its directory is synced, itself with the first batch. Never
  // opens an existing file.
  // Throws IoError.
  static std::unique_ptr<SegmentWriter> Create(FileSystem& files, const std::filesystem::path& path,
                                               SegmentHeader header, int compression_level);
  // Opens a segment that settling has cut to `length` (the end of a batch's record) only to seal
  // it: reads and checks it, so that Seal() can write the footer. Append is not allowed. Throws
  // IoError, IntegrityError when the chain up to `length` is not whole.
  static std::unique_ptr<SegmentWriter> ReopenToSeal(FileSystem& files,
                                                     const std::filesystem::path& path,
                                                     std::uint64_t length);
  ~SegmentWriter();

  // Writes one frame and its record, then syncs. The first frame holds the prologue and is followed
  // by the header record too. Throws IoError; after any failure the writer is dead (every later
  // call throws): the segment is started anew under another part number, never synced again.
  [[nodiscard]] FrameLocation Append(std::uint64_t number, const RowBatch& rows, const Hash& digest,
                                     const std::vector<SupersededRow>& supersedes);
  // Writes the footer, syncs, sets mode 0440. Returns the file's final length. The writer is dead
  // afterwards.
  [[nodiscard]] std::uint64_t Seal(bool last_part);

  const SegmentHeader& header() const;
  std::uint64_t length() const;     // bytes written and synced
  std::uint64_t batches() const;    // appended
  std::string footer_hash() const;  // hex SHA-256 of the footer record; "" before Seal()

 private:
  struct State;
  explicit SegmentWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace osarchiver
