#include "runtime/handles.h"

#include <unordered_set>

namespace rnn::runtime {
namespace {

constexpr size_t kLarge = 4096;

const c10::StorageImpl* storage_of(const TensorPromisePtr& promise) {
  const at::Tensor* tensor = promise ? promise->peek() : nullptr;
  if (tensor == nullptr || !tensor->defined() || !tensor->has_storage()) return nullptr;
  return tensor->storage().unsafeGetStorageImpl();
}

}  // namespace

Handles::Id Handles::add(TensorPromisePtr promise) {
  Id id;
  if (free_.empty()) {
    id = static_cast<Id>(slots_.size());
    slots_.emplace_back();
  } else {
    id = free_.back();
    free_.pop_back();
  }
  Slot& slot = slots_[id];
  slot.promise = std::move(promise);
  slot.serial = ++serials_;
  count(slot);
  return id;
}

const Handles::Slot& Handles::slot(Id id) const {
  if (id >= slots_.size() || !slots_[id].promise) throw DisposedError("the tensor has been disposed");
  return slots_[id];
}

const TensorPromisePtr& Handles::promise(Id id) const { return slot(id).promise; }

void Handles::release(Id id) {
  if (id >= slots_.size() || !slots_[id].promise) return;
  Slot& slot = slots_[id];
  discount(slot);
  slot.promise.reset();
  free_.push_back(id);
}

void Handles::release_if(Id id, uint64_t serial) {
  if (id < slots_.size() && slots_[id].serial == serial) release(id);
}

void Handles::recount(Id id) {
  if (id >= slots_.size() || !slots_[id].promise) return;
  discount(slots_[id]);
  count(slots_[id]);
}

void Handles::recount_if(Id id, uint64_t serial) {
  if (id < slots_.size() && slots_[id].serial == serial) recount(id);
}

int64_t Handles::bytes() const {
  std::unordered_set<const c10::StorageImpl*> seen;
  int64_t bytes = 0;
  for (const Slot& slot : slots_) {
    const c10::StorageImpl* storage = storage_of(slot.promise);
    if (storage != nullptr && seen.insert(storage).second) bytes += static_cast<int64_t>(storage->nbytes());
  }
  return bytes;
}

void Handles::count(Slot& slot) {
  const c10::StorageImpl* storage = storage_of(slot.promise);
  if (storage == nullptr || storage->nbytes() < kLarge) return;
  Share& share = large_[storage];
  if (share.holders++ == 0) {
    share.bytes = static_cast<int64_t>(storage->nbytes());
    large_bytes_ += share.bytes;
  }
  slot.storage = storage;
}

void Handles::discount(Slot& slot) {
  if (slot.storage == nullptr) return;
  const auto share = large_.find(slot.storage);
  slot.storage = nullptr;
  if (--share->second.holders == 0) {
    large_bytes_ -= share->second.bytes;
    large_.erase(share);
  }
}

}  // namespace rnn::runtime
