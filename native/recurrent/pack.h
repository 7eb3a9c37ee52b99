#pragma once
#include <cstdint>

#include "recurrent/kernels.h"

namespace rnn::recurrent {

constexpr int64_t panels_of(int64_t units, int64_t lanes) { return (units + lanes - 1) / lanes; }

// Packs the weights W (gates units, inputs) of one matrix in the layout that `CellStep` reads. Panels are
// `panel_stride` apart, which leaves room for a second matrix in the same panels. The destination must already be zero
// beyond the last unit.
void pack_gates(const float* weights, int64_t gates, int64_t units, int64_t inputs, int64_t lanes, float* packed,
                int64_t panel_stride);

// The same in bfloat16, in the layout that `Kernels::step_bfloat16` reads.
void pack_gates_bfloat16(const float* weights, int64_t gates, int64_t units, int64_t inputs, int64_t lanes,
                         float* packed, int64_t panel_stride);

// Packs B (inner, columns) in the layout that `Product` reads: (panels, inner, lanes). The rows of B are `stride`
// apart.
void pack_columns(const float* b, int64_t stride, int64_t inner, int64_t columns, int64_t lanes, float* packed,
                  int64_t panel_stride);

// Packs the start values of the sums, (panels, sums, lanes), from biases (gates units), which may be null.
void pack_bias(CellKind cell, const float* bias_x, const float* bias_h, int64_t units, int64_t lanes, float* packed);

}  // namespace rnn::recurrent
