#include "formats/segment_text.h"

#include <zstd.h>

#include <memory>
#include <vector>

#include "util/error.h"

namespace osarchiver {

void CopySegmentText(FileSystem& files, const std::filesystem::path& path,
                     const std::function<void(std::string_view)>& on_text) {
  const auto file = files.OpenForRead(path);
  const std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context(ZSTD_createDCtx(),
                                                                     ZSTD_freeDCtx);
  if (!context) throw Error("zstd: out of memory");
  std::vector<char> in(ZSTD_DStreamInSize()), out(ZSTD_DStreamOutSize());
  std::uint64_t offset = 0;
  // What zstd returns: 0 at the end of a frame, otherwise more of the frame is to come.
  std::size_t pending = 0;
  while (const std::size_t size = file->ReadAt(offset, in.data(), in.size())) {
    offset += size;
    ZSTD_inBuffer input{in.data(), size, 0};
    // A full output buffer may hide more of it, so the input alone does not end the loop.
    for (bool more = true; more;) {
      ZSTD_outBuffer output{out.data(), out.size(), 0};
      pending = ZSTD_decompressStream(context.get(), &output, &input);
      if (ZSTD_isError(pending) != 0) {
        throw IntegrityError(path.string() + " is damaged: " + ZSTD_getErrorName(pending),
                             "osarchiver verify --file tells which batch");
      }
      if (output.pos > 0) on_text({out.data(), output.pos});
      more = input.pos < input.size || output.pos == output.size;
    }
  }
  if (pending != 0) throw IntegrityError(path.string() + " ends in the middle of a frame");
}

}  // namespace osarchiver
