// The configuration on any bytes: settings, or a ConfigError that says something.
#include "config/load.h"
#include "memory_file.h"
#include "util/error.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace osarchiver;
  const MemoryFile file(data, size);
  try {
    static_cast<void>(LoadSettings(file.path()));
  } catch (const ConfigError& error) {
    if (*error.what() == '\0') __builtin_trap();
  }
  return 0;
}
