// One batch's text as one zstd frame with content size and checksum, and back. Internal to
// formats/.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "formats/format.h"
#include "util/file_system.h"
#include "util/hash.h"

namespace osarchiver {

// Makes frames; reusable, so that its tables are allocated once. Not thread-safe.
class FrameCompressor {
 public:
  explicit FrameCompressor(int level);
  ~FrameCompressor();
  // The whole frame of `text`; valid until the next call.
  std::string_view Compress(std::string_view text);
  // A frame in pieces, for texts that nobody should hold: calls `write` with a sink that takes
  // exactly `text_bytes` bytes (Error otherwise); the frame goes to `out` as it comes.
  void CompressPieces(std::uint64_t text_bytes, const std::function<void(TextSink&)>& write,
                      TextSink& out);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// A frame in a file, measured by its block headers without decompressing.
struct FrameShape {
  std::uint64_t frame_bytes = 0;
  std::uint64_t text_bytes = 0;  // as the frame declares
};

// Texts beyond this are refused: no batch is that large, so a file that says so is damaged.
inline constexpr std::uint64_t kTextBytesMax = std::uint64_t{4} << 30;

// Nothing when no whole frame of ours stands at `offset` of the first `file_bytes` bytes: with
// content size and checksum, without a dictionary, and with no more content declared than its
// blocks can hold.
std::optional<FrameShape> MeasureFrame(File& file, std::uint64_t offset, std::uint64_t file_bytes);

// Reads frames; reusable. Not thread-safe.
class FrameDecompressor {
 public:
  FrameDecompressor();
  ~FrameDecompressor();
  // The text of the frame at `offset`, which MeasureFrame found to be of this shape; valid until
  // the next call. `frame_hash` gets the SHA-256 of the frame's bytes. Throws IntegrityError when
  // the content does not decompress to its size and checksum.
  std::string_view Decompress(File& file, std::uint64_t offset, const FrameShape& shape,
                              Hash* frame_hash);
  // Gives back what a large frame took; ends the life of its text.
  void ShedMemory();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace osarchiver
