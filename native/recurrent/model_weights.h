#pragma once
#include <cstdint>

#include "recurrent/kernels.h"
#include "recurrent/memory.h"

namespace rnn::recurrent {

// The parameters around a network, in PyTorch's layout.
struct ModelParameters {
  // (tokens, inputs), or null and 0
  const float* embedding;
  int64_t tokens;
  int64_t inputs;
  // The head: (outputs, inner), and (outputs) or null.
  const float* weight;
  const float* bias;
  int64_t outputs;
  int64_t inner;
};

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

  ModelWeights(const Kernels& kernels, const ModelParameters& parameters);

  // x (rows, inner) -> y (rows, outputs)
  void apply(const Kernels& kernels, int64_t rows, Rows x, float* y) const;
};

}  // namespace rnn::recurrent
