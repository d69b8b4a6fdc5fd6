#include "formats/batch_content.h"

#include "util/error.h"

namespace osarchiver {
namespace {

Hash DigestOfRowsFrom(const RowBatch& rows, std::size_t first) {
  if (first == 0) return BatchDigest(RowHashes(rows));
  Sha256 sha256;
  std::vector<Hash> hashes;
  for (std::size_t i = first; i < rows.row_count(); ++i) hashes.push_back(sha256.Of(rows.row(i)));
  return BatchDigest(std::move(hashes));
}

void RequireAsRecorded(const SegmentHeader& header, const BatchRecord& record, const RowBatch& rows,
                       std::size_t first, const DigestedRows* known) {
  const std::size_t count = rows.row_count() - first;
  if (count == 0 || count != record.rows) {
    throw IntegrityError("it holds " + std::to_string(count) + " rows instead of " +
                         std::to_string(record.rows));
  }
  const bool is_known = known != nullptr && known->rows.RowsFrom(0) == rows.RowsFrom(first);
  if ((is_known ? known->digest : DigestOfRowsFrom(rows, first)) != record.digest) {
    throw IntegrityError("its rows do not have the recorded digest");
  }
  const auto& key = header.definition.key;
  if (KeyBytes(rows.row(first), key) != record.first_key ||
      KeyBytes(rows.row(rows.row_count() - 1), key) != record.last_key) {
    throw IntegrityError("its first and last key are not the recorded ones");
  }
}

}  // namespace

BatchContent::BatchContent(const SegmentHeader& header)
    : header_(header), format_(FindFormat(header.format)) {
  if (format_ == nullptr) {
    throw IntegrityError("segment header: format " + header.format + " is not known");
  }
}

void BatchContent::Read(File& file, const BatchRecord& record, const FrameShape& shape,
                        const DigestedRows* known, RowBatch* rows) {
  const std::size_t first = rows->row_count();
  try {
    Hash frame_hash;
    const std::string_view text =
        decompressor_.Decompress(file, record.frame_offset, shape, &frame_hash);
    if (frame_hash != record.frame_hash) {
      throw IntegrityError("its frame does not have the recorded SHA-256");
    }
    // Rows are about as long as their text. Growing step by step would hold a huge row twice; what
    // is reserved and not written costs nothing.
    rows->Reserve(rows->byte_count() + text.size());
    format_->ReadRows(header_.definition, text, record.frame_offset == 0, rows);
    RequireAsRecorded(header_, record, *rows, first, known);
    decompressor_.ShedMemory();
  } catch (const IntegrityError&) {
    rows->Truncate(first);
    throw;
  }
}

std::string BatchName(std::uint64_t number, std::string_view first_key, std::string_view last_key) {
  return "batch " + std::to_string(number) + " (keys " + KeyText(first_key) + " to " +
         KeyText(last_key) + ")";
}

std::string BatchName(const BatchRecord& record) {
  return BatchName(record.number, record.first_key, record.last_key);
}

}  // namespace osarchiver
