// Preloaded into osarchiver (LD_PRELOAD) by tests of clocks that jump: adds the seconds that the file
// $OSARCHIVER_CLOCK_OFFSET holds, read anew each time, to what the time of day is. Clocks that never
// jump are left alone, as the kernel's are.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <cstdlib>

namespace {

// No allocation and no stdio: this is called from everywhere.
long Offset() {
  static const char* const path = std::getenv("OSARCHIVER_CLOCK_OFFSET");
  if (path == nullptr) return 0;
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  char text[32] = {};
  const ssize_t size = ::read(fd, text, sizeof(text) - 1);
  ::close(fd);
  return size > 0 ? std::strtol(text, nullptr, 10) : 0;
}

template <typename Function>
Function Real(const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {

int clock_gettime(clockid_t clock, struct timespec* now) noexcept {
  static const auto real = Real<int (*)(clockid_t, struct timespec*)>("clock_gettime");
  const int result = real(clock, now);
  if (result == 0 && clock == CLOCK_REALTIME) now->tv_sec += Offset();
  return result;
}

int gettimeofday(struct timeval* now, void* zone) noexcept {
  static const auto real = Real<int (*)(struct timeval*, void*)>("gettimeofday");
  const int result = real(now, zone);
  if (result == 0) now->tv_sec += Offset();
  return result;
}

time_t time(time_t* result) noexcept {
  static const auto real = Real<time_t (*)(time_t*)>("time");
  const time_t now = real(nullptr) + Offset();
  if (result != nullptr) *result = now;
  return now;
}

}  // extern "C"
