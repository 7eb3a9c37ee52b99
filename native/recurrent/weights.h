#pragma once
#include <cstdint>

#include "recurrent/kernels.h"
#include "recurrent/memory.h"

namespace rnn::recurrent {

// The sizes of one layer in one direction.
struct LayerShape {
  CellKind cell;
  int64_t inputs;
  int64_t units;
  // The width of the LSTM's projection, or 0.
  int64_t projection;

  int64_t outputs() const { return projection > 0 ? projection : units; }
  int64_t gates() const { return gates_of(cell) * units; }
  // The width of the gates that `CellStep` saves for backward.
  int64_t saved() const { return cell == CellKind::kLstm || cell == CellKind::kGru ? 4 * units : 0; }
  // The distance between rows of the gradient of the sums. Not a power of two, since addresses at such distances map to
  // the same few cache sets.
  int64_t sums_stride() const { return sums_of(cell) * units + kCacheLine; }

 private:
  static constexpr int64_t kCacheLine = 16;
};

// A direction's parameters in PyTorch's layout: (gates units, inputs), (gates units, outputs), (gates units) or null,
// (projection, units) or null.
struct LayerParameters {
  const float* weight_x;
  const float* weight_h;
  const float* bias_x;
  const float* bias_h;
  const float* weight_projection;
};

enum class WeightType : uint8_t { kFloat32, kBfloat16 };

// The parameters, packed for the forward pass. A projection and the biases stay in float32.
struct ForwardWeights {
  WeightType type;
  Floats panels;
  int64_t panel_stride;
  // The offset of the weights of h in each panel.
  int64_t h_offset;
  Floats start;
  Floats projection;

  ForwardWeights(const Kernels& kernels, const LayerShape& shape, const LayerParameters& parameters,
                 WeightType type = WeightType::kFloat32);
  // In memory that holds them already.
  ForwardWeights(const Kernels& kernels, const LayerShape& shape, WeightType type, const TakeFloats& take);
};

// The parameters, packed for the backward pass.
struct BackwardWeights {
  Floats x;
  Floats h;
  Floats projection;

  BackwardWeights(const Kernels& kernels, const LayerShape& shape, const LayerParameters& parameters);
};

}  // namespace rnn::recurrent
