#include "formats/zstd_frame.h"

#include <zstd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <new>
#include <string>

#include "util/error.h"

namespace osarchiver {
namespace {

// Pieces of compressed bytes that are written or read at once.
constexpr std::size_t kPieceBytes = 1024 * 1024;
// A buffer that large rows have blown up beyond this is given back: each format has its own.
constexpr std::size_t kKeptBufferBytes = std::size_t{16} << 20;
constexpr std::size_t kBlockBytesMax = 128 * 1024;
constexpr std::size_t kFrameHeaderBytesMax = 14;  // without a dictionary
constexpr std::size_t kChecksumBytes = 4;

std::size_t Require(std::size_t result, const char* what) {
  if (ZSTD_isError(result) != 0) {
    throw Error(std::string("zstd cannot ") + what + ": " + ZSTD_getErrorName(result));
  }
  return result;
}

// Bytes that nobody has written yet, so that a frame that lies about its size costs no memory.
class Buffer {
 public:
  char* Make(std::size_t size) {
    if (size > size_ || size_ > std::max(size, kKeptBufferBytes)) {
      bytes_.reset();
      bytes_ = std::make_unique_for_overwrite<char[]>(size);
      size_ = size;
    }
    return bytes_.get();
  }
  void ShedMemory() {
    if (size_ <= kKeptBufferBytes) return;
    bytes_.reset();
    size_ = 0;
  }

 private:
  std::unique_ptr<char[]> bytes_;
  std::size_t size_ = 0;
};

struct FrameHeader {
  std::size_t header_bytes = 0;
  std::uint64_t text_bytes = 0;
};

// RFC 8878, section 3.1.1.1.
std::optional<FrameHeader> ParseFrameHeader(std::string_view bytes) {
  constexpr std::string_view kMagic = "\x28\xB5\x2F\xFD";
  if (bytes.size() < kMagic.size() + 1 || !bytes.starts_with(kMagic)) return std::nullopt;
  const auto descriptor = static_cast<unsigned char>(bytes[kMagic.size()]);
  const bool single_segment = (descriptor & 0x20) != 0;
  const bool has_checksum = (descriptor & 0x04) != 0;
  const bool reserved = (descriptor & 0x08) != 0;
  const bool has_dictionary = (descriptor & 0x03) != 0;
  if (!has_checksum || reserved || has_dictionary) return std::nullopt;
  const unsigned size_code = descriptor >> 6;
  if (size_code == 0 && !single_segment) return std::nullopt;  // no content size
  const std::size_t size_bytes = std::size_t{1} << size_code;
  const std::size_t header_bytes = kMagic.size() + 1 + (single_segment ? 0 : 1) + size_bytes;
  if (bytes.size() < header_bytes) return std::nullopt;
  FrameHeader header{header_bytes, 0};
  std::memcpy(&header.text_bytes, bytes.data() + header_bytes - size_bytes, size_bytes);
  if (size_code == 1) header.text_bytes += 256;
  return header;
}

class CompressingSink final : public TextSink {
 public:
  CompressingSink(ZSTD_CCtx* context, Buffer* buffer, TextSink& out)
      : context_(context), piece_(buffer->Make(kPieceBytes)), out_(out) {}
  void Write(std::string_view text) override { Push(text, ZSTD_e_continue); }
  void End() { Push({}, ZSTD_e_end); }

 private:
  void Push(std::string_view text, ZSTD_EndDirective directive) {
    ZSTD_inBuffer in{text.data(), text.size(), 0};
    for (;;) {
      ZSTD_outBuffer out{piece_, kPieceBytes, 0};
      const std::size_t left =
          Require(ZSTD_compressStream2(context_, &out, &in, directive), "compress");
      if (out.pos > 0) out_.Write({piece_, out.pos});
      if (directive == ZSTD_e_end ? left == 0 : in.pos == in.size) return;
    }
  }

  ZSTD_CCtx* context_;
  char* piece_;
  TextSink& out_;
};

struct FreeCompressor {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
};
struct FreeDecompressor {
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

}  // namespace

struct FrameCompressor::State {
  std::unique_ptr<ZSTD_CCtx, FreeCompressor> context{ZSTD_createCCtx()};
  Buffer buffer;
};

FrameCompressor::FrameCompressor(int level) : state_(std::make_unique<State>()) {
  ZSTD_CCtx* context = state_->context.get();
  if (context == nullptr) throw std::bad_alloc();
  Require(ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level), "take the level");
  Require(ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1), "make checksums");
  Require(ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 1), "note sizes");
}

FrameCompressor::~FrameCompressor() = default;

std::string_view FrameCompressor::Compress(std::string_view text) {
  const std::size_t bound = ZSTD_compressBound(text.size());
  char* out = state_->buffer.Make(bound);
  const std::size_t size = Require(
      ZSTD_compress2(state_->context.get(), out, bound, text.data(), text.size()), "compress");
  return {out, size};
}

void FrameCompressor::CompressPieces(std::uint64_t text_bytes,
                                     const std::function<void(TextSink&)>& write, TextSink& out) {
  ZSTD_CCtx* context = state_->context.get();
  Require(ZSTD_CCtx_reset(context, ZSTD_reset_session_only), "start a frame");
  Require(ZSTD_CCtx_setPledgedSrcSize(context, text_bytes), "note the size");
  CompressingSink sink(context, &state_->buffer, out);
  write(sink);
  sink.End();
}

std::optional<FrameShape> MeasureFrame(File& file, std::uint64_t offset, std::uint64_t file_bytes) {
  std::array<char, kFrameHeaderBytesMax> head;
  if (offset > file_bytes) return std::nullopt;
  const std::size_t head_bytes = file.ReadAt(offset, head.data(), head.size());
  const auto header = ParseFrameHeader({head.data(), head_bytes});
  if (!header) return std::nullopt;
  std::uint64_t at = offset + header->header_bytes;
  std::uint64_t blocks = 0;
  for (bool last = false; !last; ++blocks) {
    std::uint32_t block = 0;
    if (file.ReadAt(at, reinterpret_cast<char*>(&block), 3) != 3) return std::nullopt;
    last = (block & 1) != 0;
    const std::uint32_t type = (block >> 1) & 3;
    const std::uint32_t size = block >> 3;
    constexpr std::uint32_t kRepeatedByte = 1, kReserved = 3;
    if (type == kReserved || size > kBlockBytesMax) return std::nullopt;
    at += 3 + (type == kRepeatedByte ? 1 : size);
    if (at > file_bytes) return std::nullopt;
  }
  at += kChecksumBytes;
  if (at > file_bytes || header->text_bytes > blocks * kBlockBytesMax) return std::nullopt;
  return FrameShape{at - offset, header->text_bytes};
}

struct FrameDecompressor::State {
  std::unique_ptr<ZSTD_DCtx, FreeDecompressor> context{ZSTD_createDCtx()};
  Buffer input;
  Buffer text;
  Sha256 sha256;
};

FrameDecompressor::FrameDecompressor() : state_(std::make_unique<State>()) {
  if (!state_->context) throw std::bad_alloc();
}

FrameDecompressor::~FrameDecompressor() = default;

void FrameDecompressor::ShedMemory() {
  state_->input.ShedMemory();
  state_->text.ShedMemory();
}

std::string_view FrameDecompressor::Decompress(File& file, std::uint64_t offset,
                                               const FrameShape& shape, Hash* frame_hash) {
  // Given a frame as a whole, zstd writes straight into the text, without a window in between.
  constexpr std::uint64_t kWholeFrameBytes = std::uint64_t{16} << 20;
  if (shape.text_bytes > kTextBytesMax) {
    throw IntegrityError("the frame declares " + std::to_string(shape.text_bytes) + " bytes");
  }
  const std::size_t piece_bytes = shape.frame_bytes <= kWholeFrameBytes
                                      ? static_cast<std::size_t>(shape.frame_bytes)
                                      : kPieceBytes;
  char* piece = state_->input.Make(piece_bytes);
  char* text = state_->text.Make(static_cast<std::size_t>(shape.text_bytes));
  ZSTD_DCtx* context = state_->context.get();
  Require(ZSTD_DCtx_reset(context, ZSTD_reset_session_only), "start reading");
  static_cast<void>(state_->sha256.Finish());  // whatever an earlier failure left
  ZSTD_outBuffer out{text, static_cast<std::size_t>(shape.text_bytes), 0};
  std::uint64_t taken = 0;
  std::size_t left = 1;
  while (taken < shape.frame_bytes) {
    const auto wanted =
        static_cast<std::size_t>(std::min<std::uint64_t>(piece_bytes, shape.frame_bytes - taken));
    const std::size_t got = file.ReadAt(offset + taken, piece, wanted);
    state_->sha256.Update({piece, got});
    ZSTD_inBuffer in{piece, got, 0};
    while (got > 0 && in.pos < in.size) {
      const std::size_t before = in.pos + out.pos;
      left = ZSTD_decompressStream(context, &out, &in);
      if (ZSTD_isError(left) != 0) {
        throw IntegrityError(std::string("the frame does not decompress: ") +
                             ZSTD_getErrorName(left));
      }
      if (left == 0 || in.pos + out.pos == before) break;
    }
    taken += in.pos;
    if (left == 0 || in.pos < wanted) break;
  }
  if (left != 0 || taken != shape.frame_bytes || out.pos != out.size) {
    throw IntegrityError("the frame does not end where it says");
  }
  *frame_hash = state_->sha256.Finish();
  return {text, out.size};
}

}  // namespace osarchiver
