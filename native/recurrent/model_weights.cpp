#include "recurrent/model_weights.h"

#include <algorithm>

#include "recurrent/pack.h"

namespace rnn::recurrent {
namespace {

Floats copy_of(const float* parameter, int64_t size) {
  Floats copy(size);
  std::copy_n(parameter, size, copy.data());
  return copy;
}

}  // namespace

ModelWeights::ModelWeights(const Kernels& kernels, const ModelParameters& parameters)
    : tokens(parameters.tokens), outputs(parameters.outputs), inner(parameters.inner) {
  if (tokens > 0) embedding = copy_of(parameters.embedding, tokens * parameters.inputs);
  head = Floats(panels_of(outputs, kernels.lanes) * inner * kernels.lanes);
  std::fill_n(head.data(), head.size(), 0.0F);
  pack_gates(parameters.weight, 1, outputs, inner, kernels.lanes, head.data(), inner * kernels.lanes);
  if (parameters.bias != nullptr) bias = copy_of(parameters.bias, outputs);
}

void ModelWeights::apply(const Kernels& kernels, int64_t rows, Rows x, float* y) const {
  const bool has_bias = bias.data() != nullptr;
  for (int64_t row = 0; has_bias && row < rows; row++) std::copy_n(bias.data(), outputs, y + row * outputs);
  kernels.multiply({
      .rows = rows,
      .columns = outputs,
      .inner = inner,
      .a = x,
      .a_step = 1,
      .b = head.data(),
      .b_step = kernels.lanes,
      .panel_stride = inner * kernels.lanes,
      .c = {y, outputs},
      .accumulate = has_bias,
  });
}

}  // namespace rnn::recurrent
