// SHA-256 by OpenSSL's EVP interface (which uses the processor's instructions where it has them).
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct evp_md_ctx_st;

namespace osarchiver {

using Hash = std::array<unsigned char, 32>;

// Hashes a stream of bytes. Reusable after Finish(). Not thread-safe; keep one per thread.
class Sha256 {
 public:
  Sha256();
  void Update(std::string_view bytes);
  // Returns the hash of everything since construction or the last Finish(), and starts anew.
  [[nodiscard]] Hash Finish();
  // Update() and Finish() in one call.
  [[nodiscard]] Hash Of(std::string_view bytes);

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

// Lower-case hexadecimal, two digits a byte.
std::string Hex(std::string_view bytes);
std::string Hex(const Hash& hash);
// The inverse of Hex(Hash); nothing when `text` is not 64 hexadecimal digits.
std::optional<Hash> HashFromHex(std::string_view text);
// The inverse of Hex(bytes); nothing when `text` is no even number of hexadecimal digits.
std::optional<std::string> BytesFromHex(std::string_view text);

// The first 8 bytes as a number: the short form that the journal keeps for kept rows.
std::int64_t ShortHash(const Hash& hash);

// `count` random bytes from the system, as hexadecimal digits. For names that must be unique in the
// world.
std::string RandomHex(int count);

}  // namespace osarchiver
