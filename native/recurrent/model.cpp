#include "recurrent/model.h"

#include "runtime/tensors.h"

namespace rnn::recurrent {
namespace {

ModelWeights packed(const Kernels& kernels, const at::Tensor& embedding_rows, at::TensorList parameters) {
  const at::Tensor embedding = embedding_rows.defined() ? readable(embedding_rows) : embedding_rows;
  const at::Tensor weight = readable(parameters[0]);
  const at::Tensor bias = parameters.size() > 1 ? readable(parameters[1]) : at::Tensor();
  const auto data = [](const at::Tensor& tensor) {
    return tensor.defined() ? tensor.const_data_ptr<float>() : nullptr;
  };
  return {kernels,
          {.embedding = data(embedding),
           .tokens = embedding.defined() ? embedding.size(0) : 0,
           .inputs = embedding.defined() ? embedding.size(1) : 0,
           .weight = data(weight),
           .bias = data(bias),
           .outputs = weight.size(0),
           .inner = weight.size(1)}};
}

}  // namespace

std::shared_ptr<const ModelWeights> ModelPlan::weights(const Kernels& kernels, const at::Tensor& embedding,
                                                       at::TensorList parameters) {
  Tensors all(parameters.begin(), parameters.end());
  if (embedding.defined()) all.push_back(embedding);
  bool fits = kernels_ == &kernels && stamps_.size() == all.size() && (weights_->tokens > 0) == embedding.defined();
  for (size_t i = 0; fits && i < all.size(); i++) fits = stamps_[i].fits(kernels, all[i]);
  if (fits) return weights_;
  stamps_.clear();
  for (const at::Tensor& parameter : all) stamps_.emplace_back(kernels, parameter);
  weights_ = std::make_shared<const ModelWeights>(packed(kernels, embedding, parameters));
  kernels_ = &kernels;
  return weights_;
}

}  // namespace rnn::recurrent
