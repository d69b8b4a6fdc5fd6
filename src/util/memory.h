// How the process takes memory from the system.
#pragma once

#include <cstddef>

namespace osarchiver {

// Buffers from this size on have a mapping of their own, which goes back to the system with them.
// Left alone, the C library raises its threshold with every large buffer that is freed, to 32 MiB,
// and keeps buffers below it in the heap of the thread that made them, where they are seldom of a
// size that fits the next: a table with values of 100 KB to 20 MB took 300 MiB instead of 200.
// Ordinary batches (5000 rows of 1 KB) stay below this and do not pay for mapping pages anew each
// time, which took a tenth more CPU time.
inline constexpr std::size_t kOwnMappingBytes = 8u << 20;

// Buffers of large batches go back to the system when they are freed; those of ordinary batches are
// used again. Once, before any thread starts.
void SetUpMemory();

}  // namespace osarchiver
