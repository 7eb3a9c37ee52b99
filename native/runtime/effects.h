#pragma once
#include <c10/util/SmallVector.h>

#include <unordered_map>

#include "runtime/tensor_promise.h"

namespace rnn::runtime {

// What a call does that others could notice. Two calls may run at the same time, or in the other order, where neither
// changes what the other one reads or changes.
struct Effects {
  enum Mark : uint8_t {
    // Draws random numbers, or sets what they are drawn from.
    kRandom = 1,
    // Reads or changes gradients, whosever they are.
    kGradients = 2,
    // Reads what graphs have saved.
    kGraph = 4,
    // Keeps casts of parameters.
    kAutocast = 8,
    // Whatever there is: settings of the process, memory that is exchanged.
    kAll = 16,
  };
  using Promises = c10::SmallVector<TensorPromisePtr, 4>;

  Promises reads = {};
  Promises writes = {};
  // Its results may lie in the memory of these.
  Promises shares = {};
  uint8_t marks = 0;

  static Effects all() { return {.marks = kAll}; }
  static Effects marked(uint8_t marks) { return {.marks = marks}; }
  static Effects reading(const TensorPromisePtr& promise) { return {.reads = {promise}}; }
  static Effects writing(const TensorPromisePtr& promise) { return {.writes = {promise}}; }

  bool empty() const { return marks == 0 && reads.empty() && writes.empty(); }
};

// The memory that is known to be that of gradients.
class GradientMemory {
 public:
  void add(const at::Tensor& gradient);
  bool has(const TensorPromise& promise) const;

 private:
  std::unordered_map<const c10::StorageImpl*, c10::weak_intrusive_ptr<c10::StorageImpl>> storages_;
  size_t tidied_ = 0;
};

// What the jobs of a batch do that have been queued so far. For the JavaScript thread only.
class Trace {
 public:
  void add(const Effects& effects);
  // `batch` is the number of the batch: what it computes belongs to it until it is done.
  bool conflicts(const Effects& effects, uint64_t batch, const GradientMemory& gradients) const;

 private:
  // A promise that is gone is one that no job has to do with any more.
  using Promises = std::vector<std::weak_ptr<TensorPromise>>;

  static bool touches(const Promises& promises, const TensorPromise& promise);

  Promises reads_, writes_;
  uint8_t marks_ = 0;
  bool empty_ = true;
};

}  // namespace rnn::runtime
