#include "recurrent/model_weights.h"

#include <algorithm>

#include "recurrent/pack.h"

namespace rnn::recurrent {

ModelWeights::ModelWeights(const Kernels& kernels, const ModelShape& shape, const TakeFloats& take)
    : tokens(shape.tokens), outputs(shape.outputs), inner(shape.inner) {
  if (tokens > 0) embedding = take(tokens * shape.inputs);
  head = take(panels_of(outputs, kernels.lanes) * inner * kernels.lanes);
  if (shape.bias) bias = take(outputs);
}

ModelWeights::ModelWeights(const Kernels& kernels, const ModelShape& shape, const ModelParameters& parameters)
    : ModelWeights(kernels, shape, [](int64_t size) { return Floats(size); }) {
  if (tokens > 0) std::copy_n(parameters.embedding, embedding.size(), embedding.data());
  std::fill_n(head.data(), head.size(), 0.0F);
  pack_gates(parameters.weight, 1, outputs, inner, kernels.lanes, head.data(), inner * kernels.lanes);
  if (shape.bias) std::copy_n(parameters.bias, outputs, bias.data());
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
