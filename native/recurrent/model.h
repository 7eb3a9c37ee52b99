#pragma once
#include <ATen/core/Tensor.h>

#include <memory>
#include <vector>

#include "recurrent/memory.h"
#include "recurrent/stamp.h"

namespace rnn::recurrent {

// What a model has around its network: an embedding before it, and a linear head after it. Both are copies.
struct ModelWeights {
  // The number of rows of the embedding, and the rows (tokens, inputs); 0 and nothing if the model has none.
  int64_t tokens = 0;
  Floats embedding;
  // The head: (outputs, inner) in the layout that `Kernels::multiply` reads, and (outputs).
  int64_t outputs = 0;
  int64_t inner = 0;
  Floats head;
  Floats bias;

  // `embedding`: the rows, or undefined. `parameters`: the weight of the head, and its bias if it has one.
  ModelWeights(const Kernels& kernels, const at::Tensor& embedding, at::TensorList parameters);

  // x (rows, inner) -> y (rows, outputs)
  void apply(const Kernels& kernels, int64_t rows, const float* x, float* y) const;
};

// Keeps the copies between two streams, until a parameter changes.
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
