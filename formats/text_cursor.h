// Walks a text that must be exactly as expected. Internal to formats/.
#pragma once

#include <string>
#include <string_view>

#include "util/error.h"

namespace osarchiver {

class TextCursor {
 public:
  // `format` names the parser in messages.
  TextCursor(std::string_view format, std::string_view text)
      : format_(format), begin_(text.data()), at_(text.data()), end_(text.data() + text.size()) {}

  bool AtEnd() const { return at_ == end_; }
  const char* at() const { return at_; }
  const char* end() const { return end_; }
  std::size_t offset() const { return static_cast<std::size_t>(at_ - begin_); }
  std::string_view rest() const { return {at_, static_cast<std::size_t>(end_ - at_)}; }
  void MoveTo(const char* position) { at_ = position; }
  // The next byte; '\0' at the end, which no caller takes for anything.
  char Peek() const { return at_ == end_ ? '\0' : *at_; }

  bool Skip(char expected) {
    if (at_ == end_ || *at_ != expected) return false;
    ++at_;
    return true;
  }
  bool Skip(std::string_view expected) {
    if (!rest().starts_with(expected)) return false;
    at_ += expected.size();
    return true;
  }
  template <typename Expected>
  void Require(Expected expected, const char* what) {
    if (!Skip(expected)) Fail(what);
  }
  // Throws IntegrityError with the present offset. The text itself is row data and stays out of it.
  [[noreturn]] void Fail(const std::string& what) const {
    throw IntegrityError(std::string(format_) + " text: expected " + what + " at byte " +
                         std::to_string(offset()));
  }

 private:
  std::string_view format_;
  const char* begin_;
  const char* at_;
  const char* end_;
};

}  // namespace osarchiver
