#include "engine/row_memory.h"

#include <gtest/gtest.h>

namespace osarchiver {
namespace {

RowBatch OfCapacity(std::size_t bytes) {
  RowBatch rows(1);
  rows.Reserve(bytes);
  return rows;
}

TEST(RowMemoryTest, WhatWasGivenIsTaken) {
  RowMemory memory;
  EXPECT_LT(memory.Take().capacity(), 100u) << "nothing was given";
  memory.Give(OfCapacity(1 << 20));
  EXPECT_GE(memory.Take().capacity(), std::size_t{1} << 20);
  EXPECT_LT(memory.Take().capacity(), 100u) << "it was taken";
}

// A pass with one huge unit would keep its memory to the end.
TEST(RowMemoryTest, LargeMemoryIsNotKept) {
  RowMemory memory;
  memory.Give(OfCapacity(kOwnMappingBytes));
  EXPECT_LT(memory.Take().capacity(), 100u);
}

}  // namespace
}  // namespace osarchiver
