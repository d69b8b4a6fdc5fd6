#include "formats/compress.h"

#include <zstd.h>

#include <memory>

#include "util/error.h"

namespace osarchiver {
namespace {

constexpr int kLevel = 3;

struct FreeContext {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
};

}  // namespace

std::string Compress(std::string_view bytes) {
  const std::unique_ptr<ZSTD_CCtx, FreeContext> context(ZSTD_createCCtx());
  if (!context) throw std::bad_alloc();
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, kLevel);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_contentSizeFlag, 1);
  std::string frame(ZSTD_compressBound(bytes.size()), '\0');
  const std::size_t size =
      ZSTD_compress2(context.get(), frame.data(), frame.size(), bytes.data(), bytes.size());
  if (ZSTD_isError(size) != 0) {
    throw Error(std::string("zstd cannot compress: ") + ZSTD_getErrorName(size));
  }
  frame.resize(size);
  return frame;
}

std::string Decompress(std::string_view frame, std::uint64_t limit_bytes) {
  const unsigned long long size = ZSTD_getFrameContentSize(frame.data(), frame.size());
  if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN) {
    throw IntegrityError("compressed bytes are damaged: no zstd frame with its size");
  }
  if (size > limit_bytes) {
    throw IntegrityError("compressed bytes are damaged: they claim to hold " +
                         std::to_string(size) + " bytes");
  }
  std::string bytes(static_cast<std::size_t>(size), '\0');
  // Refuses more than one frame that would not fit, and bytes behind the frame.
  const std::size_t found = ZSTD_decompress(bytes.data(), bytes.size(), frame.data(), frame.size());
  if (ZSTD_isError(found) != 0 || found != bytes.size()) {
    throw IntegrityError(std::string("compressed bytes are damaged: ") +
                         (ZSTD_isError(found) != 0 ? ZSTD_getErrorName(found) : "too short"));
  }
  return bytes;
}

}  // namespace osarchiver
