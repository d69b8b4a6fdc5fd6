// Which batches a sampled verification reads: the same ones for the same seed, independent of
// order.
#pragma once

#include <cstdint>

namespace osarchiver {

// `sample` is the share of batches, 1 or more: all. `group` keeps passes apart.
inline bool InSample(double sample, std::uint64_t seed, std::uint64_t group, std::uint64_t number) {
  if (sample >= 1) return true;
  // splitmix64: the bits of neighbouring numbers come out independent.
  std::uint64_t x = seed ^ (group * 0x9e3779b97f4a7c15u) ^ (number * 0xbf58476d1ce4e5b9u);
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  x ^= x >> 31;
  return static_cast<double>(x >> 11) * 0x1p-53 < sample;
}

}  // namespace osarchiver
