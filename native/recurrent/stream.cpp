#include "recurrent/stream.h"

#include <algorithm>
#include <cmath>

namespace rnn::recurrent {
namespace {

// Runs one layer on `rows` rows: from x, h and c to y and c. h and y must be different memory.
void step_layer(const StreamWeights& weights, int64_t index, int64_t rows, const float* x, const float* h, float* c,
                float* y, float* unprojected, uint32_t* pairs, bool backwards) {
  const LayerShape shape = weights.network.layer(index);
  const ForwardWeights& packed = *weights.layers[static_cast<size_t>(index)];
  const int64_t outputs = shape.outputs(), units = shape.units;
  const CellStep step = {
      .cell = shape.cell,
      .rows = rows,
      .units = units,
      .x = {x, shape.inputs},
      .inputs = shape.inputs,
      .h = {h, outputs},
      .states = outputs,
      .x_weights = packed.panels.data(),
      .h_weights = packed.panels.data() + packed.h_offset,
      .panel_stride = packed.panel_stride,
      .start = {packed.start.data(), 0},
      .c_before = {c, units},
      .c = {c, units},
      .h_before = {h, outputs},
      .y = {shape.projection > 0 ? unprojected : y, units},
      .pairs = pairs,
      .gates = {},
      .backwards = backwards,
  };
  packed.type == WeightType::kBfloat16 ? weights.kernels.step_bfloat16(step) : weights.kernels.step(step);
  if (shape.projection == 0) return;
  weights.kernels.multiply({
      .rows = rows,
      .columns = outputs,
      .inner = units,
      .a = {unprojected, units},
      .a_step = 1,
      .b = packed.projection.data(),
      .b_step = weights.kernels.lanes,
      .panel_stride = units * weights.kernels.lanes,
      .c = {y, outputs},
      .accumulate = false,
  });
}

// The maximum number of bfloat16 pairs in a row of any layer.
int64_t most_pairs(const Network& net) {
  const int64_t outputs = net.layer(0).outputs();
  return pairs_of(std::max(net.inputs, outputs)) + pairs_of(outputs);
}

}  // namespace

Stream::Stream(std::shared_ptr<const StreamWeights> weights) : weights_(std::move(weights)) {
  const Network& net = weights_->network;
  const int64_t width = weights_->width();
  const int64_t pooled = weights_->pooling == Pooling::kNone ? 0 : width + 1;
  state_.resize(static_cast<size_t>(net.layers * (width + (net.states() > 1 ? net.units : 0)) + pooled));
  y_.resize(static_cast<size_t>(width));
  unprojected_.resize(static_cast<size_t>(net.projection > 0 ? net.units : 0));
  pairs_.resize(static_cast<size_t>(most_pairs(net)));
}

void Stream::step(const float* x, float* y) {
  const Network& net = weights_->network;
  for (int64_t layer = 0; layer < net.layers; layer++) {
    step_layer(*weights_, layer, 1, layer == 0 ? x : h(layer - 1), h(layer), net.states() > 1 ? c(layer) : nullptr,
               y_.data(), unprojected_.data(), pairs_.data(), backwards_);
    std::copy(y_.begin(), y_.end(), h(layer));
  }
  backwards_ = !backwards_;
  const float* pooled = pool(y_.data());
  if (weights_->model) {
    weights_->model->apply(weights_->kernels, 1, {pooled, weights_->width()}, y);
  } else {
    std::copy(y_.begin(), y_.end(), y);
  }
}

const float* Stream::pool(const float* y) {
  if (weights_->pooling == Pooling::kNone) return y;
  const int64_t width = weights_->width();
  float* count = state_.data() + state_.size() - 1;
  float* pooled = count - width;
  *count += 1;
  for (int64_t i = 0; i < width; i++) {
    // A NaN stays, as in LibTorch.
    const bool greater = !(y[i] <= pooled[i]) && !std::isnan(pooled[i]);
    if (weights_->pooling == Pooling::kMean) {
      pooled[i] += (y[i] - pooled[i]) / *count;
    } else if (*count == 1 || greater) {
      pooled[i] = y[i];
    }
  }
  return pooled;
}

void Stream::step(std::span<Stream* const> streams, const float* x, float* y) {
  const auto rows = static_cast<int64_t>(streams.size());
  const StreamWeights& weights = streams[0]->weights();
  const Network& net = weights.network;
  const int64_t outputs = weights.width(), units = net.units;
  Floats below(rows * outputs), above(rows * outputs), h(rows * outputs), c(net.states() > 1 ? rows * units : 0);
  Floats unprojected(net.projection > 0 ? rows * units : 0);
  std::vector<uint32_t> pairs(static_cast<size_t>(rows * most_pairs(net)));
  for (int64_t layer = 0; layer < net.layers; layer++) {
    for (int64_t row = 0; row < rows; row++) {
      Stream& stream = *streams[static_cast<size_t>(row)];
      std::copy_n(stream.h(layer), outputs, h.data() + row * outputs);
      if (net.states() > 1) std::copy_n(stream.c(layer), units, c.data() + row * units);
    }
    step_layer(weights, layer, rows, layer == 0 ? x : below.data(), h.data(), c.data(), above.data(),
               unprojected.data(), pairs.data(), false);
    for (int64_t row = 0; row < rows; row++) {
      Stream& stream = *streams[static_cast<size_t>(row)];
      std::copy_n(above.data() + row * outputs, outputs, stream.h(layer));
      if (net.states() > 1) std::copy_n(c.data() + row * units, units, stream.c(layer));
    }
    std::swap(below, above);
  }
  if (weights.model == nullptr) {
    std::copy_n(below.data(), rows * outputs, y);
    return;
  }
  for (int64_t row = 0; row < rows; row++) {
    std::copy_n(streams[static_cast<size_t>(row)]->pool(below.data() + row * outputs), outputs,
                above.data() + row * outputs);
  }
  weights.model->apply(weights.kernels, rows, {above.data(), outputs}, y);
}

}  // namespace rnn::recurrent
