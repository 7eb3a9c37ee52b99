#include "recurrent/transposed.h"

#include <algorithm>

#include "recurrent/memory.h"
#include "recurrent/pack.h"

namespace rnn {
namespace {

// Packed pieces of B of this size stay in the second-level cache.
constexpr int64_t kPieceFloats = 96 * 1024;

}  // namespace

TransposedProduct TransposedProduct::part(int64_t first, int64_t last) const {
  TransposedProduct part = *this;
  part.rows = last - first;
  part.a.data += first;
  if (c != nullptr) part.c += first * columns;
  if (sums != nullptr) part.sums += first;
  return part;
}

void TransposedProduct::run(const Kernels& kernels) const {
  const int64_t inner = static_cast<int64_t>(b->size()), lanes = kernels.lanes;
  const int64_t panels = panels_of(columns, lanes);
  const int64_t most = std::min(inner, std::max(kPieceFloats / (panels * lanes), int64_t{64}));
  Floats right(c == nullptr ? 0 : panels * lanes * most);
  Floats left(c == nullptr ? 0 : rows * most);
  if (sums != nullptr) std::fill_n(sums, rows, 0.0F);

  for (int64_t start = 0; start < inner; start += most) {
    const int64_t count = std::min(most, inner - start);
    if (sums != nullptr) {
      for (int64_t k = start; k < start + count; k++) {
        const float* from = a.data + k * a.stride;
        for (int64_t i = 0; i < rows; i++) sums[i] += from[i];
      }
    }
    if (c == nullptr) continue;
    for (int64_t k = 0; k < count; k++) {
      pack_columns((*b)[static_cast<size_t>(start + k)], 0, 1, columns, lanes, right.data() + k * lanes, count * lanes);
    }
    // Each block of A's columns becomes (count, block).
    for (int64_t first = 0; first < rows; first += kernels.rows) {
      const int64_t block = std::min(kernels.rows, rows - first);
      float* to = left.data() + first * count;
      for (int64_t k = 0; k < count; k++) {
        const float* from = a.data + (start + k) * a.stride + first;
        for (int64_t i = 0; i < block; i++) to[k * block + i] = from[i];
      }
      kernels.multiply({
          .rows = block,
          .columns = columns,
          .inner = count,
          .a = {to, 1},
          .a_step = block,
          .b = right.data(),
          .panel_stride = count * lanes,
          .c = {c + first * columns, columns},
          .accumulate = start > 0,
      });
    }
  }
}

}  // namespace rnn
