#include "util/memory.h"

#include <malloc.h>

namespace osarchiver {
namespace {

// Left alone, the C library raises its threshold with every large buffer that is freed, to 32 MiB,
// and keeps buffers below it in the heap of the thread that made them, where they are seldom of a
// size that fits the next: a table with values of 100 KB to 20 MB took 300 MiB instead of 200.
// Ordinary batches (5000 rows of 1 KB) stay below this and do not pay for mapping pages anew each
// time, which took a tenth more CPU time.
constexpr int kOwnMappingBytes = 8 << 20;
// Setting the threshold leaves the one for giving back the end of the heap at 128 KiB, which would
// do so after every batch.
constexpr int kKeptHeapBytes = 16 << 20;

}  // namespace

void SetUpMemory() {
  // May be refused without harm, for nothing but the memory's size depends on it.
  static_cast<void>(mallopt(M_MMAP_THRESHOLD, kOwnMappingBytes));
  static_cast<void>(mallopt(M_TRIM_THRESHOLD, kKeptHeapBytes));
}

}  // namespace osarchiver
