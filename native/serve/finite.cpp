#include "serve/finite.h"

#include <algorithm>
#include <bit>

namespace rnn::serve {
namespace {

constexpr uint32_t kExponent = 0x7f800000U;

bool finite(float x) { return (std::bit_cast<uint32_t>(x) & kExponent) != kExponent; }

}  // namespace

int64_t first_not_finite(const float* x, int64_t count) {
  // Without an exit inside, so that the compiler can use vectors.
  constexpr int64_t kBlock = 1024;
  for (int64_t first = 0; first < count; first += kBlock) {
    const int64_t size = std::min(kBlock, count - first);
    uint32_t found = 0;
    for (int64_t i = 0; i < size; i++) found |= finite(x[first + i]) ? 0U : 1U;
    if (found != 0) return std::find_if_not(x + first, x + first + size, finite) - x;
  }
  return -1;
}

}  // namespace rnn::serve
