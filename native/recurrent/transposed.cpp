#include "recurrent/transposed.h"

#include <algorithm>
#include <cstring>

#include "recurrent/memory.h"
#include "recurrent/pack.h"

namespace rnn {
namespace {

// Packed pieces of B of this size stay in the second-level cache.
constexpr int64_t kPieceFloats = 96 * 1024;
// Blocks whose elements of a row are neighbours are packed together.
constexpr int64_t kBlocksAtOnce = 8;

// A (count, rows) as (blocks, count, block).
void pack_blocks(Rows a, int64_t count, int64_t rows, int64_t block, float* packed) {
  for (int64_t first = 0; first < rows; first += kBlocksAtOnce * block) {
    const int64_t last = std::min(first + kBlocksAtOnce * block, rows);
    for (int64_t k = 0; k < count; k++) {
      const float* from = a.data + k * a.stride;
      for (int64_t row = first; row < last; row += block) {
        const int64_t width = std::min(block, rows - row);
        float* to = packed + row * count + k * width;
        // Of a constant size, this is a move and no call.
        if (width == 6)
          std::memcpy(to, from + row, 6 * sizeof(float));
        else
          for (int64_t i = 0; i < width; i++) to[i] = from[row + i];
      }
    }
  }
}

}  // namespace

TransposedProduct TransposedProduct::part(int64_t first, int64_t last) const {
  TransposedProduct part = *this;
  part.rows = last - first;
  part.a.data += first;
  for (Side& side : part.sides) side.c += first * side.columns;
  for (float*& sum : part.sums) sum += first;
  return part;
}

void TransposedProduct::run(const Kernels& kernels) const {
  const int64_t lanes = kernels.lanes;
  int64_t width = 0;
  for (const Side& side : sides) width = std::max(width, panels_of(side.columns, lanes) * lanes);
  const int64_t most = sides.empty() ? inner : std::min(inner, std::max(kPieceFloats / width, int64_t{64}));
  Floats right(width * most);
  Floats left(sides.empty() ? 0 : rows * most);
  for (float* sum : sums) std::fill_n(sum, rows, 0.0F);

  for (int64_t start = 0; start < inner; start += most) {
    const int64_t count = std::min(most, inner - start);
    const Rows piece = {a.data + start * a.stride, a.stride};
    if (!sums.empty()) {
      for (int64_t k = 0; k < count; k++) {
        for (int64_t i = 0; i < rows; i++) sums[0][i] += piece.data[k * piece.stride + i];
      }
    }
    if (sides.empty()) continue;
    pack_blocks(piece, count, rows, kernels.rows, left.data());
    for (const Side& side : sides) {
      for (int64_t k = 0; k < count; k++) {
        const float* row = (*side.b)[static_cast<size_t>(start + k)];
        pack_columns(row, 0, 1, side.columns, lanes, right.data() + k * lanes, count * lanes);
      }
      for (int64_t first = 0; first < rows; first += kernels.rows) {
        const int64_t block = std::min(kernels.rows, rows - first);
        kernels.multiply({
            .rows = block,
            .columns = side.columns,
            .inner = count,
            .a = {left.data() + first * count, 1},
            .a_step = block,
            .b = right.data(),
            .panel_stride = count * lanes,
            .c = {side.c + first * side.columns, side.columns},
            .accumulate = start > 0,
        });
      }
    }
  }
  for (size_t i = 1; i < sums.size(); i++) std::copy_n(sums[0], rows, sums[i]);
}

}  // namespace rnn
