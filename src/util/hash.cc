#include "util/hash.h"

#include <openssl/evp.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "util/error.h"

namespace osarchiver {
namespace {

int DigitValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

void Require(int result, const char* call) {
  if (result != 1) throw Error(std::string("openssl: ") + call + " failed");
}

}  // namespace

void Sha256::Free::operator()(evp_md_ctx_st* context) const { EVP_MD_CTX_free(context); }

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  if (!context_) throw Error("openssl: out of memory");
  Require(EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr), "EVP_DigestInit_ex");
}

void Sha256::Update(std::string_view bytes) {
  Require(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()), "EVP_DigestUpdate");
}

Hash Sha256::Finish() {
  Hash hash;
  Require(EVP_DigestFinal_ex(context_.get(), hash.data(), nullptr), "EVP_DigestFinal_ex");
  // A null type keeps the fetched algorithm: looking it up again costs more than hashing a short
  // row.
  Require(EVP_DigestInit_ex(context_.get(), nullptr, nullptr), "EVP_DigestInit_ex");
  return hash;
}

Hash Sha256::Of(std::string_view bytes) {
  Update(bytes);
  return Finish();
}

std::string Hex(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (unsigned char byte : bytes) {
    text.push_back(kDigits[byte >> 4]);
    text.push_back(kDigits[byte & 15]);
  }
  return text;
}

std::string Hex(const Hash& hash) {
  return Hex(std::string_view(reinterpret_cast<const char*>(hash.data()), hash.size()));
}

std::optional<std::string> BytesFromHex(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  std::string bytes(text.size() / 2, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const int high = DigitValue(text[2 * i]);
    const int low = DigitValue(text[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes[i] = static_cast<char>(high << 4 | low);
  }
  return bytes;
}

std::optional<Hash> HashFromHex(std::string_view text) {
  Hash hash;
  if (text.size() != hash.size() * 2) return std::nullopt;
  const auto bytes = BytesFromHex(text);
  if (!bytes) return std::nullopt;
  std::memcpy(hash.data(), bytes->data(), hash.size());
  return hash;
}

std::int64_t ShortHash(const Hash& hash) {
  std::int64_t value;
  std::memcpy(&value, hash.data(), sizeof value);
  return value;
}

std::string RandomHex(int count) {
  std::string bytes(static_cast<std::size_t>(count), '\0');
  // Not by OpenSSL, whose generator takes 0.7 ms to seed itself the first time.
  if (::getentropy(bytes.data(), bytes.size()) != 0) {
    throw IoError(errno, "the system gave no random bytes");
  }
  return Hex(bytes);
}

}  // namespace osarchiver
