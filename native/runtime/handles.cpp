#include "runtime/handles.h"

namespace rnn {

Handles::Id Handles::add(CellPtr cell) {
  Id id;
  if (free_.empty()) {
    id = static_cast<Id>(slots_.size());
    slots_.emplace_back();
  } else {
    id = free_.back();
    free_.pop_back();
  }
  Slot& slot = slots_[id];
  slot.cell = std::move(cell);
  slot.serial = ++serials_;
  count(slot);
  return id;
}

const CellPtr& Handles::cell(Id id) const {
  if (id >= slots_.size() || !slots_[id].cell) throw DisposedError("the tensor has been disposed");
  return slots_[id].cell;
}

void Handles::release(Id id) {
  if (id >= slots_.size() || !slots_[id].cell) return;
  Slot& slot = slots_[id];
  discount(slot);
  slot.cell.reset();
  free_.push_back(id);
}

void Handles::release_if(Id id, uint64_t serial) {
  if (id < slots_.size() && slots_[id].serial == serial) release(id);
}

void Handles::recount(Id id) {
  if (id >= slots_.size() || !slots_[id].cell) return;
  discount(slots_[id]);
  count(slots_[id]);
}

void Handles::recount_if(Id id, uint64_t serial) {
  if (id < slots_.size() && slots_[id].serial == serial) recount(id);
}

void Handles::count(Slot& slot) {
  const at::Tensor* tensor = slot.cell->peek();
  if (tensor == nullptr || !tensor->defined() || !tensor->has_storage()) return;
  const c10::StorageImpl* storage = tensor->storage().unsafeGetStorageImpl();
  Share& share = storages_[storage];
  if (share.holders++ == 0) {
    share.bytes = static_cast<int64_t>(storage->nbytes());
    bytes_ += share.bytes;
  }
  slot.storage = storage;
}

void Handles::discount(Slot& slot) {
  if (slot.storage == nullptr) return;
  const auto share = storages_.find(slot.storage);
  slot.storage = nullptr;
  if (--share->second.holders == 0) {
    bytes_ -= share->second.bytes;
    storages_.erase(share);
  }
}

}  // namespace rnn
