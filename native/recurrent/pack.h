#pragma once
#include <cstdint>

#include "recurrent/kernels.h"

namespace rnn::recurrent {

constexpr int64_t panels_of(int64_t units, int64_t lanes) { return (units + lanes - 1) / lanes; }

// The weights W (gates units, inputs) of one matrix, as `CellStep` reads them. Panels start `panel_stride` apart, which
// leaves room for a second matrix in the same panels. The destination is zero beyond the last unit already.
void pack_gates(const float* weights, int64_t gates, int64_t units, int64_t inputs, int64_t lanes, float* packed,
                int64_t panel_stride);

// The same in bfloat16, as `Kernels::step_bfloat16` reads it.
void pack_gates_bfloat16(const float* weights, int64_t gates, int64_t units, int64_t inputs, int64_t lanes,
                         float* packed, int64_t panel_stride);

// B (inner, columns) as `Product` reads it: (panels, inner, lanes). The rows of B are `stride` apart.
void pack_columns(const float* b, int64_t stride, int64_t inner, int64_t columns, int64_t lanes, float* packed,
                  int64_t panel_stride);

// The start values of the sums, (panels, sums, lanes), from biases (gates units) that may be null.
void pack_bias(CellKind cell, const float* bias_x, const float* bias_h, int64_t units, int64_t lanes, float* packed);

}  // namespace rnn::recurrent
