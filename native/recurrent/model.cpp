#include "recurrent/model.h"

#include <algorithm>

#include "recurrent/pack.h"
#include "runtime/tensors.h"

namespace rnn::recurrent {
namespace {

Floats copy_of(const at::Tensor& parameter) {
  const at::Tensor floats = readable(parameter);
  Floats copy(floats.numel());
  std::copy_n(floats.const_data_ptr<float>(), floats.numel(), copy.data());
  return copy;
}

}  // namespace

ModelWeights::ModelWeights(const Kernels& kernels, const at::Tensor& embedding_rows, at::TensorList parameters) {
  if (embedding_rows.defined()) {
    tokens = embedding_rows.size(0);
    embedding = copy_of(embedding_rows);
  }
  const at::Tensor weight = readable(parameters[0]);
  outputs = weight.size(0);
  inner = weight.size(1);
  head = Floats(panels_of(outputs, kernels.lanes) * inner * kernels.lanes);
  std::fill_n(head.data(), head.size(), 0.0F);
  pack_gates(weight.const_data_ptr<float>(), 1, outputs, inner, kernels.lanes, head.data(), inner * kernels.lanes);
  if (parameters.size() > 1) bias = copy_of(parameters[1]);
}

void ModelWeights::apply(const Kernels& kernels, int64_t rows, const float* x, float* y) const {
  const bool has_bias = bias.data() != nullptr;
  for (int64_t row = 0; has_bias && row < rows; row++) std::copy_n(bias.data(), outputs, y + row * outputs);
  kernels.multiply({
      .rows = rows,
      .columns = outputs,
      .inner = inner,
      .a = {x, inner},
      .a_step = 1,
      .b = head.data(),
      .b_step = kernels.lanes,
      .panel_stride = inner * kernels.lanes,
      .c = {y, outputs},
      .accumulate = has_bias,
  });
}

std::shared_ptr<const ModelWeights> ModelPlan::weights(const Kernels& kernels, const at::Tensor& embedding,
                                                       at::TensorList parameters) {
  Tensors all(parameters.begin(), parameters.end());
  if (embedding.defined()) all.push_back(embedding);
  bool fits = kernels_ == &kernels && stamps_.size() == all.size() && (weights_->tokens > 0) == embedding.defined();
  for (size_t i = 0; fits && i < all.size(); i++) fits = stamps_[i].fits(kernels, all[i]);
  if (fits) return weights_;
  stamps_.clear();
  for (const at::Tensor& parameter : all) stamps_.emplace_back(kernels, parameter);
  weights_ = std::make_shared<const ModelWeights>(kernels, embedding, parameters);
  kernels_ = &kernels;
  return weights_;
}

}  // namespace rnn::recurrent
