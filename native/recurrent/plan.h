#pragma once
#include <ATen/core/Tensor.h>

#include <memory>
#include <mutex>
#include <vector>

#include "recurrent/layer.h"
#include "recurrent/recurrence.h"
#include "recurrent/stamp.h"

namespace rnn::recurrent {

// The sizes of a stack of recurrent layers, as in torch.nn.LSTM.
struct Network {
  const Recurrence* recurrence;
  int64_t inputs;
  int64_t units;
  int64_t projection;
  int64_t layers;
  double dropout;
  bool bias;
  bool bidirectional;
  bool train;

  size_t states() const { return recurrence->states; }
  int64_t directions() const { return bidirectional ? 2 : 1; }
  LayerShape layer(int64_t index) const;
  // The number of parameters of one direction of a layer: weight_ih, weight_hh, bias_ih, bias_hh, weight_hr.
  size_t parameters() const { return 2 + (bias ? 2 : 0) + (projection > 0 ? 1 : 0); }
};

// The packed weights of one direction of a layer.
ForwardWeights packed_layer(const Kernels& kernels, const LayerShape& shape, at::ArrayRef<at::Tensor> parameters,
                            WeightType type);

// The state that a module keeps between calls: its packed weights, until a parameter changes, and its workspace.
class Plan {
 public:
  using Parameters = at::ArrayRef<at::Tensor>;

  Plan() : workspace_(std::make_shared<Workspace>()) {}

  // `index` numbers the directions of all layers.
  std::shared_ptr<const ForwardWeights> forward_weights(const Kernels& kernels, const LayerShape& shape, size_t index,
                                                        Parameters parameters, WeightType type);
  std::shared_ptr<const BackwardWeights> backward_weights(const Kernels& kernels, const LayerShape& shape, size_t index,
                                                          Parameters parameters);
  Workspace& workspace() { return *workspace_; }

 private:
  template <typename Weights>
  struct Entry {
    const Kernels* kernels = nullptr;
    std::vector<Stamp> stamps;
    std::shared_ptr<const Weights> weights;
  };

  template <typename Weights, typename... Arguments>
  std::shared_ptr<const Weights> find(std::vector<Entry<Weights>>& entries, const Kernels& kernels,
                                      const LayerShape& shape, size_t index, Parameters parameters,
                                      Arguments... arguments);

  std::mutex mutex_;
  std::vector<Entry<ForwardWeights>> forward_;
  std::vector<Entry<ForwardWeights>> forward_bfloat16_;
  std::vector<Entry<BackwardWeights>> backward_;
  std::shared_ptr<Workspace> workspace_;
};

}  // namespace rnn::recurrent
