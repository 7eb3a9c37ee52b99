#pragma once
#include <memory>
#include <span>
#include <vector>

#include "recurrent/model.h"
#include "recurrent/plan.h"

namespace rnn::recurrent {

// What the head of a model sees after each step: the output of the network, or the mean or maximum of all so far.
enum class Pooling : uint8_t { kNone, kMean, kMax };

// The packed weights of a unidirectional network, as they were when the first stream was opened.
struct StreamWeights {
  Network network;
  const Kernels& kernels;
  std::vector<std::shared_ptr<const ForwardWeights>> layers;
  // Null if the network stands alone.
  std::shared_ptr<const ModelWeights> model;
  Pooling pooling = Pooling::kNone;

  // The width of the network's output, and of the states h.
  int64_t width() const { return network.layer(0).outputs(); }
};

// One sequence, processed one time step at a time. Any number of streams can share the weights.
class Stream {
 public:
  explicit Stream(std::shared_ptr<const StreamWeights> weights);

  const StreamWeights& weights() const { return *weights_; }
  int64_t inputs() const { return weights_->network.inputs; }
  int64_t outputs() const { return weights_->model ? weights_->model->outputs : weights_->width(); }

  // x (inputs) -> y (outputs) of the last layer, or of the model's head. The two may be the same memory.
  void step(const float* x, float* y);
  // The same for several streams with the same weights: x (streams, inputs) -> y (streams, outputs).
  static void step(std::span<Stream* const> streams, const float* x, float* y);

  // h (layers, width), then the LSTM's c (layers, units); with pooling, then the mean or maximum (width) and the number
  // of steps (1).
  std::span<float> state() { return state_; }

 private:
  float* h(int64_t layer) { return state_.data() + layer * weights_->width(); }
  float* c(int64_t layer) {
    const Network& net = weights_->network;
    return state_.data() + net.layers * weights_->width() + layer * net.units;
  }
  // Adds the network's output y (width) to the mean or maximum; returns what the head sees.
  const float* pool(const float* y);

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
