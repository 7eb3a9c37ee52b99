#pragma once
#include <memory>
#include <span>
#include <vector>

#include "recurrent/plan.h"

namespace rnn::recurrent {

// The packed weights of a unidirectional network, as they were when the first stream was opened.
struct StreamWeights {
  Network network;
  const Kernels& kernels;
  std::vector<std::shared_ptr<const ForwardWeights>> layers;
};

// One sequence, processed one time step at a time. Any number of streams can share the weights.
class Stream {
 public:
  explicit Stream(std::shared_ptr<const StreamWeights> weights);

  const StreamWeights& weights() const { return *weights_; }
  int64_t inputs() const { return weights_->network.inputs; }
  int64_t outputs() const { return weights_->network.layer(0).outputs(); }

  // x (inputs) -> y (outputs) of the last layer. The two may be the same memory.
  void step(const float* x, float* y);
  // The same for several streams with the same weights: x (streams, inputs) -> y (streams, outputs).
  static void step(std::span<Stream* const> streams, const float* x, float* y);

  // h (layers, outputs), then the LSTM's c (layers, units).
  std::span<float> state() { return state_; }

 private:
  float* h(int64_t layer) { return state_.data() + layer * outputs(); }
  float* c(int64_t layer) {
    const Network& net = weights_->network;
    return state_.data() + net.layers * outputs() + layer * net.units;
  }

  std::shared_ptr<const StreamWeights> weights_;
  std::vector<float> state_;
  // Scratch memory for a step, kept to avoid allocations.
  std::vector<float> y_;
  std::vector<float> unprojected_;
  std::vector<uint32_t> pairs_;
  // For the next step, see `CellStep`.
  bool backwards_ = false;
};

}  // namespace rnn::recurrent
