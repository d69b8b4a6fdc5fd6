// Named places where tests make a run fail. Compiled in always, so that what is tested is what is
// shipped; without the environment variable a failpoint is one load and one branch that is never
// taken.
//
//   OSARCHIVER_FAILPOINTS="name=mode[@n][,name=mode...]"
//
// mode: kill (SIGKILL to this process), throw (an Error), io-error (an IoError with EIO), hang
// (says so on stderr and sleeps for an hour), pause (20 ms), note (says on stderr that it was
// reached), or run:COMMAND (runs a shell command and goes on; commas are not possible inside).
// name: one of the list (`osarchiver failpoints` prints it), or all. @n: only at the n-th time the
// place is reached, otherwise every time (for run: every time). An unknown name or mode ends the
// program with exit code 2.
#pragma once

#include <atomic>
#include <string>
#include <string_view>
#include <vector>

namespace osarchiver {

// A name out of kFailpoints; anything else does not compile.
inline constexpr std::string_view kFailpoints[] = {
    "file-create-before",
    "file-create-after",
    "file-write-before",
    "file-write-after",
    "file-sync-before",
    "file-sync-after",
    "file-truncate-before",
    "file-truncate-after",
    "file-rename-before",
    "file-rename-after",
    "file-remove-before",
    "file-remove-after",
    "file-mode-before",
    "file-mode-after",
    "directory-create-before",
    "directory-create-after",
    "directory-sync-before",
    "directory-sync-after",
    "journal-create-before",
    "journal-create-after",
    "journal-commit-before",
    "journal-commit-after",
    "run-begin",
    "run-end",
    "settle-begin",
    "settle-batch-before",
    "settle-batch-after",
    "settle-cut-before",
    "settle-batch-forgotten",
    "settle-end",
    "pass-begin",
    "pass-end",
    "batch-read",
    "batch-extracted",
    "batch-store-before",
    "batch-store-after",
    "batch-archived",
    "batch-readback-before",
    "batch-readback-after",
    "batch-verified",
    "release-begun",
    "batch-delete-before",
    "batch-delete-locked",
    "batch-delete-statement-before",
    "batch-delete-statement-after",
    "batch-delete-executed",
    "batch-delete-compared",
    "batch-commit-before",
    "batch-commit-after",
    "batch-deleted",
    "batch-kept",
    "segment-seal-before",
    "segment-sealing-journaled",
    "segment-sealed",
    "archive-begin",
    "archive-insert-before",
    "archive-insert-after",
    "archive-supersede-before",
    "archive-supersede-after",
    "archive-control-before",
    "archive-control-after",
    "archive-commit-before",
    "archive-commit-after",
    "archive-create-database-before",
    "archive-create-database-after",
    "archive-create-control-before",
    "archive-create-control-after",
    "archive-create-table",
    "archive-create-table-after",
    "archive-alter-before",
    "archive-alter-after",
    "checksums-before",
    "checksums-after",
    "journal-copy-before",
    "journal-copy-after",
    "restore-insert-before",
    "restore-insert-after",
    "restore-commit-before",
    "restore-commit-after",
};

struct FailpointName {
  template <std::size_t N>
  consteval FailpointName(const char (&text)[N])
      : name(text, N - 1) {  // NOLINT: implicit on purpose
    for (std::string_view known : kFailpoints) {
      if (known == name) return;
    }
    throw "unknown failpoint";
  }
  std::string_view name;
};

namespace internal {
extern std::atomic<bool> failpoints_on;
void ReachFailpoint(std::string_view name);
}  // namespace internal

inline void Failpoint(FailpointName point) {
  if (internal::failpoints_on.load(std::memory_order_relaxed)) internal::ReachFailpoint(point.name);
}

// Reads the environment variable; called once by main. Throws ConfigError.
void LoadFailpoints();

}  // namespace osarchiver
