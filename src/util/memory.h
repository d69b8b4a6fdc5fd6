// How the process takes memory from the system.
#pragma once

namespace osarchiver {

// Buffers of large batches go back to the system when they are freed; those of ordinary batches are
// used again. Once, before any thread starts.
void SetUpMemory();

}  // namespace osarchiver
