#include "recurrent/head.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "recurrent/memory.h"
#include "recurrent/pack.h"
#include "recurrent/transposed.h"

namespace rnn::recurrent {

// For some rows: computes y, replaces it by its gradient in place, and propagates that to x. Returns the sum of
// squares.
double Head::error_of(const float* packed, float* dy, int64_t first, int64_t last) const {
  const int64_t lanes = kernels.lanes, count = last - first;
  float* y = dy + first * outputs;
  kernels.multiply({.rows = count,
                    .columns = outputs,
                    .inner = inputs,
                    .a = {x + first * inputs, inputs},
                    .a_step = 1,
                    .b = packed,
                    .b_step = lanes,
                    .panel_stride = inputs * lanes,
                    .c = {y, outputs},
                    .accumulate = false});
  const float scale = 2.0F / static_cast<float>(rows * outputs);
  double sum = 0;
  for (int64_t row = 0; row < count; row++) {
    for (int64_t i = 0; i < outputs; i++) {
      const int64_t at = row * outputs + i;
      const float difference = y[at] + (bias == nullptr ? 0 : bias[i]) - target[first * outputs + at];
      sum += static_cast<double>(difference) * difference;
      y[at] = scale * difference;
    }
  }
  return sum;
}

double Head::mean_squared_error() const {
  const int64_t lanes = kernels.lanes;
  Floats packed(panels_of(outputs, lanes) * inputs * lanes);
  std::fill_n(packed.data(), packed.size(), 0.0F);
  pack_gates(weight, 1, outputs, inputs, lanes, packed.data(), inputs * lanes);
  Floats back(dx == nullptr ? 0 : panels_of(inputs, lanes) * outputs * lanes);
  if (dx != nullptr) pack_columns(weight, inputs, outputs, inputs, lanes, back.data(), outputs * lanes);

  Floats dy(rows * outputs);
  const int64_t parts = std::clamp(rows / kernels.rows, int64_t{1}, threads);
  std::vector<double> sums(static_cast<size_t>(parts));
  pool.run(parts, threads, [&](int64_t part) {
    const int64_t first = rows * part / parts, last = rows * (part + 1) / parts;
    sums[static_cast<size_t>(part)] = error_of(packed.data(), dy.data(), first, last);
    if (dx == nullptr) return;
    kernels.multiply({.rows = last - first,
                      .columns = inputs,
                      .inner = outputs,
                      .a = {dy.data() + first * outputs, outputs},
                      .a_step = 1,
                      .b = back.data(),
                      .b_step = lanes,
                      .panel_stride = outputs * lanes,
                      .c = {dx + first * inputs, inputs},
                      .accumulate = false});
  });

  TransposedProduct product{.rows = outputs, .inner = rows, .a = {dy.data(), outputs}, .sides = {}, .sums = {}};
  if (dweight != nullptr) {
    const std::vector<Run> runs{{0, 1, rows, {x, inputs}}};
    product.sides.push_back({std::make_shared<const std::vector<Run>>(runs), inputs, dweight});
  }
  if (dbias != nullptr) product.sums.push_back(dbias);
  product.run(kernels);

  double sum = 0;
  for (const double part : sums) sum += part;
  return sum / static_cast<double>(rows * outputs);
}

}  // namespace rnn::recurrent
