#pragma once
#include <cstdint>
#include <stdexcept>
#include <unordered_map>
#include <vector>

#include "runtime/tensor_promise.h"

namespace rnn::runtime {

struct DisposedError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// A value was requested that a queued job has not computed yet.
struct PendingError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The tensors of one JavaScript environment, by small integer ids. Holding, passing and dropping a number costs
// JavaScript nothing, while an object with a finalizer costs a third of a microsecond. Used on the JavaScript thread
// only.
class Handles {
 public:
  using Id = uint32_t;

  Id add(TensorPromisePtr promise);
  const TensorPromisePtr& promise(Id id) const;
  void release(Id id);

  // Distinguishes this use of an id from later ones.
  uint64_t serial(Id id) const { return slot(id).serial; }
  void release_if(Id id, uint64_t serial);

  // Counts the storage of a tensor again, after it was pending or its storage was replaced.
  void recount(Id id);
  void recount_if(Id id, uint64_t serial);

  size_t tensors() const { return slots_.size() - free_.size(); }
  // The bytes of all storages. Walks over all tensors.
  int64_t bytes() const;
  // The bytes of the storages that are large enough to report to the garbage collector.
  int64_t large_bytes() const { return large_bytes_; }

 private:
  struct Slot {
    TensorPromisePtr promise;
    // Set if it is large.
    const c10::StorageImpl* storage = nullptr;
    uint64_t serial = 0;
  };
  struct Share {
    int64_t bytes = 0;
    int64_t holders = 0;
  };

  // Throws if JavaScript holds no such tensor.
  const Slot& slot(Id id) const;
  void count(Slot& slot);
  void discount(Slot& slot);

  std::vector<Slot> slots_;
  std::vector<Id> free_;
  // A storage shared by views counts once.
  std::unordered_map<const c10::StorageImpl*, Share> large_;
  uint64_t serials_ = 0;
  int64_t large_bytes_ = 0;
};

}  // namespace rnn::runtime
