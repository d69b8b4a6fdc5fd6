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
// used again, by whichever thread comes next: all share one heap. With one for each thread a stage
// of the pipeline paid for new pages while the others' freed ones lay idle. Once, before any thread
// starts.
void SetUpMemory();

// Has the system map the pages of the heap's next 10 MiB at once, which is what a run of one small
// batch uses. Each would cost a page fault when it is first written: 0.5 us on bare metal, 10 us in
// some virtual machines, where these faults were a tenth of such a run; mapped in one go they cost
// a tenth of that. For commands that move rows. A kernel that cannot (before 5.14) changes nothing.
void MapHeapAhead();

}  // namespace osarchiver
