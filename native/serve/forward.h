#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "recurrent/schedule.h"
#include "recurrent/thread_pool.h"
#include "serve/model.h"
#include "serve/scratch.h"

namespace rnn::serve {

// Sequences of any lengths, one after the other in memory.
struct Batch {
  // (total steps, inputs), or for a model with an embedding the tokens (total steps).
  const float* values = nullptr;
  const int32_t* tokens = nullptr;
  // The length of each, at least 1.
  std::span<const int32_t> steps;
};

struct Results {
  // The outputs of the sequences that have no problem, one after the other: (steps, outputs) or (outputs) each.
  Floats outputs;
  // For each sequence, the position of its first element that is not finite or no token, or -1.
  std::vector<int32_t> problems;
};

// Computes batches, each sequence with its own length and nothing else. Used by one thread at a time, which keeps its
// memory from one batch to the next.
class Forward {
 public:
  Forward(const Model& model, ThreadPool& pool, int64_t threads) : model_(model), pool_(pool), threads_(threads) {}

  // `reject`: whether sequences with numbers that are not finite are left out.
  Results run(const Batch& batch, bool reject);

 private:
  class Pass;

  const Model& model_;
  ThreadPool& pool_;
  const int64_t threads_;
  Scratch input_, below_, above_, h_, c_, pooled_, head_;
  std::vector<double> sums_;
};

}  // namespace rnn::serve
