#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "recurrent/model_weights.h"
#include "recurrent/weights.h"

namespace rnn::serve {

using namespace recurrent;

// What the head sees: the network's output at each step, or for each sequence the last, the mean or the maximum.
enum class Output : uint8_t { kSequence, kLast, kMean, kMax };

// The packed weights of a recurrent network with what is around it. Never changed, so that any number of threads can
// use it.
struct Model {
  const Kernels& kernels;
  CellKind cell;
  int64_t inputs;
  int64_t units;
  int64_t projection;
  int64_t layers;
  int64_t directions;
  // Of each layer, the directions one after the other.
  std::vector<std::shared_ptr<const ForwardWeights>> network;
  std::shared_ptr<const ModelWeights> around;
  Output output;
  // What the weights are in, if they do not own their memory.
  std::shared_ptr<const void> memory = nullptr;

  LayerShape layer(int64_t index) const {
    LayerShape shape{.cell = cell, .inputs = inputs, .units = units, .projection = projection};
    if (index > 0) shape.inputs = width();
    return shape;
  }
  const ForwardWeights& weights(int64_t layer, int64_t direction) const {
    return *network[static_cast<size_t>(layer * directions + direction)];
  }
  // The width of h of one direction, of the network's output, and of the model's.
  int64_t hidden() const { return projection > 0 ? projection : units; }
  int64_t width() const { return directions * hidden(); }
  int64_t outputs() const { return around->outputs; }
  int64_t tokens() const { return around->tokens; }
  bool has_cells() const { return cell == CellKind::kLstm; }
  // The size of the weights in bytes.
  int64_t bytes() const {
    int64_t floats = around->embedding.size() + around->head.size() + around->bias.size();
    for (const auto& weights : network) {
      floats += weights->panels.size() + weights->start.size() + weights->projection.size();
    }
    return floats * static_cast<int64_t>(sizeof(float));
  }
};

}  // namespace rnn::serve
