#pragma once
#include <cstdint>

#include "recurrent/kernels.h"
#include "recurrent/memory.h"

namespace rnn::recurrent {

// The sizes of what is around a network: an embedding (tokens, inputs), and a linear head (outputs, inner).
struct ModelShape {
  // 0 if there is no embedding.
  int64_t tokens;
  int64_t inputs;
  int64_t outputs;
  int64_t inner;
  // Whether the head has a bias.
  bool bias;
};

// The parameters in PyTorch's layout: (tokens, inputs), (outputs, inner), and (outputs). Null if there are none.
struct ModelParameters {
  const float* embedding;
  const float* weight;
  const float* bias;
};

// What a model has around its network: an embedding before it, and a linear head after it.
struct ModelWeights {
  // The number of rows of the embedding, and the rows (tokens, inputs); 0 and nothing if the model has none.
  int64_t tokens = 0;
  Floats embedding;
  // The head: (outputs, inner) in the layout that `Kernels::multiply` reads, and (outputs).
  int64_t outputs = 0;
  int64_t inner = 0;
  Floats head;
  Floats bias;

  ModelWeights(const Kernels& kernels, const ModelShape& shape, const ModelParameters& parameters);
  // In memory that holds them already.
  ModelWeights(const Kernels& kernels, const ModelShape& shape, const TakeFloats& take);

  // x (rows, inner) -> y (rows, outputs)
  void apply(const Kernels& kernels, int64_t rows, Rows x, float* y) const;
};

}  // namespace rnn::recurrent
