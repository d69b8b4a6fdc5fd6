// SHA-256 of sealed segments and the lists of them that `sha256sum -c` reads.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "destination/destination.h"
#include "destination/file_target.h"

namespace osarchiver {

// Hex SHA-256 of the file as the disk has it: the page cache is told to forget it first.
std::string HashOfFile(FileSystem& files, const std::filesystem::path& path);

inline constexpr std::string_view kChecksumListEnding = ".sha256";

// Writes "<run name>.sha256" into every directory of the root that holds sealed segments of the
// run, in either format: names relative to that directory, the whole list in one step. Safe to
// repeat; what is right already is left alone.
void WriteChecksumLists(FileSystem& files, const std::filesystem::path& root,
                        const std::string& destination, const std::string& run_name,
                        const Journal& journal);

// The lists of a settled run that are not there, or are not what the journal says: the next run
// writes them again. Nothing for those that are right, and for a run whose lists are still due.
std::vector<VerifyFinding> VerifyChecksumLists(FileSystem& files, const std::filesystem::path& root,
                                               const std::string& destination, const RunInfo& run,
                                               const Journal& journal);

// Writes again what VerifyChecksumLists() last found wrong at the destination, and takes that
// finding back.
void RepairChecksumLists(FileSystem& files, const std::filesystem::path& root,
                         const std::string& destination, Journal& journal);

}  // namespace osarchiver
