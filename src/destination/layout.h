// Where a run's segments lie below a file destination's root.
#pragma once

#include <string>
#include <string_view>

namespace osarchiver {

struct LayoutNames {
  std::string archiver, site, source;
  std::string date;  // "2026-11-23", the run's UTC start
};

// `layout` with {archiver}, {site}, {source} and {date} replaced, each encoded by EncodeName: a
// path relative to the root, "" for the root itself. Throws ConfigError for an unknown placeholder,
// for an absolute layout and for one with a component that is hidden or leads upwards.
std::string ResolveLayout(std::string_view layout, const LayoutNames& names);

}  // namespace osarchiver
