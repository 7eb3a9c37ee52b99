#pragma once
#include <c10/util/SmallVector.h>

#include <unordered_map>

#include "runtime/tensor_promise.h"

namespace rnn::runtime {

// The observable effects of a call. Two calls may run at the same time, or in either order, if neither changes anything
// that the other reads or changes.
struct Effects {
  enum Mark : uint8_t {
    // Draws random numbers, or sets the generator's state.
    kRandom = 1,
    // Reads or changes gradients of any tensors.
    kGradients = 2,
    // Reads tensors saved in graphs.
    kGraph = 4,
    // Caches casts of parameters.
    kAutocast = 8,
    // Affects everything: process-wide settings, or replaced memory.
    kAll = 16,
  };
  using Promises = c10::SmallVector<TensorPromisePtr, 4>;

  Promises reads = {};
  Promises writes = {};
  // Tensors whose memory the results may share.
  Promises shares = {};
  uint8_t marks = 0;

  static Effects all() { return {.marks = kAll}; }
  static Effects marked(uint8_t marks) { return {.marks = marks}; }
  static Effects reading(const TensorPromisePtr& promise) { return {.reads = {promise}}; }
  static Effects writing(const TensorPromisePtr& promise) { return {.writes = {promise}}; }

  bool empty() const { return marks == 0 && reads.empty() && writes.empty(); }
};

// The memory known to belong to gradients.
class GradientMemory {
 public:
  void add(const at::Tensor& gradient);
  bool has(const TensorPromise& promise) const;

 private:
  std::unordered_map<const c10::StorageImpl*, c10::weak_intrusive_ptr<c10::StorageImpl>> storages_;
  size_t tidied_ = 0;
};

// The effects of the jobs of a batch that have been queued so far. For the JavaScript thread only.
class Trace {
 public:
  void add(const Effects& effects);
  // `batch` is the number of the batch: the tensors it computes belong to it until it is done.
  bool conflicts(const Effects& effects, uint64_t batch, const GradientMemory& gradients) const;

 private:
  // If a promise no longer exists, no job uses it any more.
  using Promises = std::vector<std::weak_ptr<TensorPromise>>;

  static bool touches(const Promises& promises, const TensorPromise& promise);

  Promises reads_, writes_;
  uint8_t marks_ = 0;
  bool empty_ = true;
};

}  // namespace rnn::runtime
