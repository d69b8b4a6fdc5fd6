#include "util/memory.h"

#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>

namespace osarchiver {
namespace {

// Setting the threshold leaves the one for giving back the end of the heap at 128 KiB, which would
// do so after every batch.
constexpr int kKeptHeapBytes = 16 << 20;

constexpr std::size_t kMappedAheadBytes = 10u << 20;
constexpr std::size_t kMappedAheadBlocks = 2;
static_assert(kMappedAheadBytes / kMappedAheadBlocks < kOwnMappingBytes,
              "they would lie outside of the heap");

}  // namespace

void SetUpMemory() {
  // May be refused without harm, for nothing but the memory's size depends on it.
  static_cast<void>(mallopt(M_MMAP_THRESHOLD, static_cast<int>(kOwnMappingBytes)));
  static_cast<void>(mallopt(M_TRIM_THRESHOLD, kKeptHeapBytes));
  static_cast<void>(mallopt(M_ARENA_MAX, 1));
}

void MapHeapAhead() {
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  std::array<std::unique_ptr<void, decltype(&std::free)>, kMappedAheadBlocks> blocks{
      {{nullptr, &std::free}, {nullptr, &std::free}}};
  for (auto& block : blocks) {
    block.reset(std::malloc(kMappedAheadBytes / kMappedAheadBlocks));
    if (block == nullptr) return;
    const auto start = reinterpret_cast<std::uintptr_t>(block.get());
    const std::uintptr_t first = (start + page - 1) / page * page;
    const std::uintptr_t end = (start + kMappedAheadBytes / kMappedAheadBlocks) / page * page;
    // Refused where the kernel does not know it; then each page is mapped when it is written.
    static_cast<void>(::madvise(reinterpret_cast<void*>(first), end - first, MADV_POPULATE_WRITE));
  }
}

}  // namespace osarchiver
