#include "util/memory.h"

#include <malloc.h>

namespace osarchiver {
namespace {

// Setting the threshold leaves the one for giving back the end of the heap at 128 KiB, which would
// do so after every batch.
constexpr int kKeptHeapBytes = 16 << 20;

}  // namespace

void SetUpMemory() {
  // May be refused without harm, for nothing but the memory's size depends on it.
  static_cast<void>(mallopt(M_MMAP_THRESHOLD, static_cast<int>(kOwnMappingBytes)));
  static_cast<void>(mallopt(M_TRIM_THRESHOLD, kKeptHeapBytes));
}

}  // namespace osarchiver
