#include "recurrent/transposed.h"

#include <algorithm>

#include "recurrent/memory.h"
#include "recurrent/pack.h"

namespace rnn::recurrent {
namespace {

// This many rows of B stay in the L2 cache while they are multiplied with all of A.
constexpr int64_t kPiece = 256;

// Adds up the columns of A.
void add_up(Rows a, int64_t count, int64_t columns, float* sums) {
  constexpr int64_t kColumns = 32;
  for (int64_t first = 0; first < columns; first += kColumns) {
    const float* from = a.data + first;
    if (first + kColumns <= columns) {
      float partial[kColumns] = {};
      for (int64_t k = 0; k < count; k++) {
        for (int64_t i = 0; i < kColumns; i++) partial[i] += from[k * a.stride + i];
      }
      std::copy_n(partial, kColumns, sums + first);
    } else {
      std::fill(sums + first, sums + columns, 0.0F);
      for (int64_t k = 0; k < count; k++) {
        for (int64_t i = first; i < columns; i++) sums[i] += a.data[k * a.stride + i];
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
  if (!sums.empty()) add_up(a, inner, rows, sums[0]);
  for (size_t i = 1; i < sums.size(); i++) std::copy_n(sums[0], rows, sums[i]);

  for (const Side& side : sides) {
    // Pack, since memory beyond the last column may not be readable.
    const bool pack = side.columns % lanes != 0;
    Floats packed(pack ? panels_of(side.columns, lanes) * lanes * kPiece : 0);
    bool accumulate = false;
    for (const Run& run : *side.runs) {
      for (int64_t start = 0; start < run.count; start += kPiece) {
        const int64_t count = std::min(kPiece, run.count - start);
        const float* b = run.b.data + start * run.b.stride;
        if (pack) pack_columns(b, run.b.stride, count, side.columns, lanes, packed.data(), count * lanes);
        kernels.multiply({
            .rows = rows,
            .columns = side.columns,
            .inner = count,
            .a = {a.data + (run.first + start * run.step) * a.stride, 1},
            .a_step = run.step * a.stride,
            .b = pack ? packed.data() : b,
            .b_step = pack ? lanes : run.b.stride,
            .panel_stride = pack ? count * lanes : lanes,
            .c = {side.c, side.columns},
            .accumulate = accumulate,
        });
        accumulate = true;
      }
    }
  }
}

}  // namespace rnn::recurrent
