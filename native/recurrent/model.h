#pragma once
#include <ATen/core/Tensor.h>

#include <memory>
#include <vector>

#include "recurrent/model_weights.h"
#include "recurrent/stamp.h"

namespace rnn::recurrent {

// Copies of what is around a network. `embedding`: the rows, or undefined. `parameters`: the weight of the head, and
// its bias if it has one.
std::shared_ptr<const ModelWeights> packed_model(const Kernels& kernels, const at::Tensor& embedding,
                                                 at::TensorList parameters);

// Keeps the copies of what is around a network between two streams, until a parameter changes.
class ModelPlan {
 public:
  std::shared_ptr<const ModelWeights> weights(const Kernels& kernels, const at::Tensor& embedding,
                                              at::TensorList parameters);

 private:
  const Kernels* kernels_ = nullptr;
  std::vector<Stamp> stamps_;
  std::shared_ptr<const ModelWeights> weights_;
};

}  // namespace rnn::recurrent
