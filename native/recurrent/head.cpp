#include "recurrent/head.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "recurrent/memory.h"
#include "recurrent/pack.h"
#include "recurrent/transposed.h"

namespace rnn::recurrent {

template <typename Work>
void Head::split(const Work& work) const {
  const int64_t parts = std::clamp(rows / kernels.rows, int64_t{1}, threads);
  pool.run(parts, threads, [&](int64_t part) { work(rows * part / parts, rows * (part + 1) / parts); });
}

void Head::forward(float* y) const {
  const int64_t lanes = kernels.lanes;
  Floats packed(panels_of(outputs, lanes) * inputs * lanes);
  std::fill_n(packed.data(), packed.size(), 0.0F);
  pack_gates(weight, 1, outputs, inputs, lanes, packed.data(), inputs * lanes);
  split([&](int64_t first, int64_t last) {
    float* own = y + first * outputs;
    kernels.multiply({.rows = last - first,
                      .columns = outputs,
                      .inner = inputs,
                      .a = {x + first * inputs, inputs},
                      .a_step = 1,
                      .b = packed.data(),
                      .b_step = lanes,
                      .panel_stride = inputs * lanes,
                      .c = {own, outputs},
                      .accumulate = false});
    if (bias == nullptr) return;
    for (int64_t row = first; row < last; row++) {
      for (int64_t i = 0; i < outputs; i++) y[row * outputs + i] += bias[i];
    }
  });
}

void Head::backward(const float* dy, const Gradients& gradients) const {
  if (gradients.x != nullptr) {
    const int64_t lanes = kernels.lanes;
    Floats packed(panels_of(inputs, lanes) * outputs * lanes);
    pack_columns(weight, inputs, outputs, inputs, lanes, packed.data(), outputs * lanes);
    split([&](int64_t first, int64_t last) {
      kernels.multiply({.rows = last - first,
                        .columns = inputs,
                        .inner = outputs,
                        .a = {dy + first * outputs, outputs},
                        .a_step = 1,
                        .b = packed.data(),
                        .b_step = lanes,
                        .panel_stride = outputs * lanes,
                        .c = {gradients.x + first * inputs, inputs},
                        .accumulate = false});
    });
  }
  TransposedProduct product{.rows = outputs, .inner = rows, .a = {dy, outputs}, .sides = {}, .sums = {}};
  if (gradients.weight != nullptr) {
    const std::vector<Run> runs{{0, 1, rows, {x, inputs}}};
    product.sides.push_back({std::make_shared<const std::vector<Run>>(runs), inputs, gradients.weight});
  }
  if (gradients.bias != nullptr) product.sums.push_back(gradients.bias);
  product.run(kernels);
}

}  // namespace rnn::recurrent
