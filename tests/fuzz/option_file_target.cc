// MariaDB option files on any bytes: options, or a ConfigError that says something.
#include <string_view>

#include "mariadb/option_file.h"
#include "memory_file.h"
#include "util/error.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace osarchiver;
  // What another file holds is that file's business, and a device may never end.
  if (std::string_view(reinterpret_cast<const char*>(data), size).find('!') != std::string_view::npos)
    return 0;
  const MemoryFile file(data, size);
  try {
    static_cast<void>(LoadOptionFile(file.path()));
  } catch (const ConfigError& error) {
    if (*error.what() == '\0') __builtin_trap();
  }
  return 0;
}
