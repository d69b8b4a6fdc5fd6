// Gathers small pieces of text for a TextSink. Internal to formats/.
#pragma once

#include <cstring>
#include <memory>
#include <string_view>

#include "formats/format.h"

namespace osarchiver {

// What was put arrives at the sink by Flush() at the latest; the destructor discards.
class TextBuffer {
 public:
  explicit TextBuffer(TextSink& out)
      : out_(out), buffer_(std::make_unique_for_overwrite<char[]>(kSize)) {}

  void Put(char c) {
    if (used_ == kSize) Flush();
    buffer_[used_++] = c;
  }
  void Put(std::string_view text) {
    if (text.size() > kSize - used_) {
      Flush();
      if (text.size() > kSize) {
        out_.Write(text);
        flushed_ += text.size();
        return;
      }
    }
    std::memcpy(buffer_.get() + used_, text.data(), text.size());
    used_ += text.size();
  }
  void Flush() {
    if (used_ > 0) out_.Write({buffer_.get(), used_});
    flushed_ += used_;
    used_ = 0;
  }
  // Bytes put since construction.
  std::size_t size() const { return flushed_ + used_; }

 private:
  static constexpr std::size_t kSize = 64 * 1024;

  TextSink& out_;
  std::unique_ptr<char[]> buffer_;
  std::size_t used_ = 0;
  std::size_t flushed_ = 0;
};

}  // namespace osarchiver
