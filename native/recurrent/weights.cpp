#include "recurrent/weights.h"

#include <algorithm>

#include "recurrent/pack.h"

namespace rnn::recurrent {
namespace {

Floats columns(const Kernels& kernels, const float* b, int64_t inner, int64_t count) {
  Floats packed(panels_of(count, kernels.lanes) * inner * kernels.lanes);
  pack_columns(b, count, inner, count, kernels.lanes, packed.data(), inner * kernels.lanes);
  return packed;
}

}  // namespace

ForwardWeights::ForwardWeights(const Kernels& kernels, const LayerShape& shape, WeightType type, const TakeFloats& take)
    : type(type) {
  const int64_t lanes = kernels.lanes, gates = gates_of(shape.cell), count = panels_of(shape.units, lanes);
  const auto length = [&](int64_t inputs) { return type == WeightType::kFloat32 ? inputs : pairs_of(inputs); };
  h_offset = length(shape.inputs) * gates * lanes;
  panel_stride = h_offset + length(shape.outputs()) * gates * lanes;
  panels = take(count * panel_stride);
  start = take(count * sums_of(shape.cell) * lanes);
  if (shape.projection > 0) projection = take(panels_of(shape.projection, lanes) * shape.units * lanes);
}

ForwardWeights::ForwardWeights(const Kernels& kernels, const LayerShape& shape, const LayerParameters& parameters,
                               WeightType type)
    : ForwardWeights(kernels, shape, type, [](int64_t size) { return Floats(size); }) {
  const int64_t lanes = kernels.lanes, gates = gates_of(shape.cell);
  const auto pack = type == WeightType::kFloat32 ? pack_gates : pack_gates_bfloat16;
  // Zeros are needed only if the last panel is partial.
  if (shape.units % lanes != 0) std::fill_n(panels.data(), panels.size(), 0.0F);
  pack(parameters.weight_x, gates, shape.units, shape.inputs, lanes, panels.data(), panel_stride);
  pack(parameters.weight_h, gates, shape.units, shape.outputs(), lanes, panels.data() + h_offset, panel_stride);
  pack_bias(shape.cell, parameters.bias_x, parameters.bias_h, shape.units, lanes, start.data());
  if (shape.projection > 0) {
    std::fill_n(projection.data(), projection.size(), 0.0F);
    pack_gates(parameters.weight_projection, 1, shape.projection, shape.units, lanes, projection.data(),
               shape.units * lanes);
  }
}

BackwardWeights::BackwardWeights(const Kernels& kernels, const LayerShape& shape, const LayerParameters& parameters)
    : x(columns(kernels, parameters.weight_x, shape.gates(), shape.inputs)),
      h(columns(kernels, parameters.weight_h, shape.gates(), shape.outputs())) {
  if (shape.projection > 0) projection = columns(kernels, parameters.weight_projection, shape.projection, shape.units);
}

}  // namespace rnn::recurrent
