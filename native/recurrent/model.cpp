#include "recurrent/model.h"

#include "runtime/tensors.h"

namespace rnn::recurrent {

std::shared_ptr<const ModelWeights> packed_model(const Kernels& kernels, const at::Tensor& embedding_rows,
                                                 at::TensorList parameters) {
  const at::Tensor embedding = embedding_rows.defined() ? readable(embedding_rows) : embedding_rows;
  const at::Tensor weight = readable(parameters[0]);
  const at::Tensor bias = parameters.size() > 1 ? readable(parameters[1]) : at::Tensor();
  const auto data = [](const at::Tensor& tensor) {
    return tensor.defined() ? tensor.const_data_ptr<float>() : nullptr;
  };
  const ModelShape shape{.tokens = embedding.defined() ? embedding.size(0) : 0,
                         .inputs = embedding.defined() ? embedding.size(1) : 0,
                         .outputs = weight.size(0),
                         .inner = weight.size(1),
                         .bias = bias.defined()};
  return std::make_shared<const ModelWeights>(
      kernels, shape, ModelParameters{.embedding = data(embedding), .weight = data(weight), .bias = data(bias)});
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
  weights_ = packed_model(kernels, embedding, parameters);
  kernels_ = &kernels;
  return weights_;
}

}  // namespace rnn::recurrent
