#include "recurrent/weights.h"

#include <algorithm>

#include "recurrent/pack.h"

namespace rnn::recurrent {
namespace {

Floats zeros(int64_t size) {
  Floats floats(size);
  std::fill_n(floats.data(), size, 0.0F);
  return floats;
}

Floats columns(const Kernels& kernels, const float* b, int64_t inner, int64_t count) {
  Floats packed(panels_of(count, kernels.lanes) * inner * kernels.lanes);
  pack_columns(b, count, inner, count, kernels.lanes, packed.data(), inner * kernels.lanes);
  return packed;
}

}  // namespace

ForwardWeights::ForwardWeights(const Kernels& kernels, const LayerShape& shape, const LayerParameters& parameters,
                               WeightType type)
    : type(type) {
  const int64_t lanes = kernels.lanes, gates = gates_of(shape.cell), panels = panels_of(shape.units, lanes);
  const auto length = [&](int64_t inputs) { return type == WeightType::kFloat32 ? inputs : pairs_of(inputs); };
  const auto pack = type == WeightType::kFloat32 ? pack_gates : pack_gates_bfloat16;
  h_offset = length(shape.inputs) * gates * lanes;
  panel_stride = h_offset + length(shape.outputs()) * gates * lanes;
  // Zeros are needed only if the last panel is partial.
  this->panels = shape.units % lanes == 0 ? Floats(panels * panel_stride) : zeros(panels * panel_stride);
  pack(parameters.weight_x, gates, shape.units, shape.inputs, lanes, this->panels.data(), panel_stride);
  pack(parameters.weight_h, gates, shape.units, shape.outputs(), lanes, this->panels.data() + h_offset, panel_stride);
  start = Floats(panels * sums_of(shape.cell) * lanes);
  pack_bias(shape.cell, parameters.bias_x, parameters.bias_h, shape.units, lanes, start.data());
  if (shape.projection > 0) {
    projection = zeros(panels_of(shape.projection, lanes) * shape.units * lanes);
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
