#include "runtime/effects.h"

#include <algorithm>

namespace rnn::runtime {
namespace {

// Chains of views are shorter than this.
constexpr int kDeepest = 32;

bool share_memory(const at::Tensor& a, const at::Tensor& b) {
  if (!a.defined() || !b.defined()) return false;
  // For sparse tensors and the like, LibTorch has no storage to compare.
  if (!a.has_storage() || !b.has_storage()) return true;
  return a.storage().unsafeGetStorageImpl() == b.storage().unsafeGetStorageImpl();
}

bool may_share(const TensorPromise& a, const TensorPromise& b, int depth);

bool roots_may_share(const TensorPromise& pending, const TensorPromise& other, int depth) {
  return std::ranges::any_of(pending.origin()->roots, [&](const std::weak_ptr<TensorPromise>& weak) {
    const TensorPromisePtr root = weak.lock();
    return root && may_share(*root, other, depth + 1);
  });
}

// Whether two tensors, computed or not, may share memory.
bool may_share(const TensorPromise& a, const TensorPromise& b, int depth = 0) {
  if (&a == &b || depth > kDeepest) return true;
  const bool a_pending = a.pending(), b_pending = b.pending();
  if (a_pending && roots_may_share(a, b, depth)) return true;
  if (b_pending && roots_may_share(b, a, depth)) return true;
  // Roots are dropped as soon as the tensor has been computed.
  if ((a_pending && !a.pending()) || (b_pending && !b.pending())) return may_share(a, b, depth + 1);
  if (a_pending || b_pending) return false;
  const at::Tensor *first = a.peek(), *second = b.peek();
  return first != nullptr && second != nullptr && share_memory(*first, *second);
}

}  // namespace

void GradientMemory::add(const at::Tensor& gradient) {
  if (!gradient.defined() || !gradient.has_storage()) return;
  const c10::StorageImpl* storage = gradient.storage().unsafeGetStorageImpl();
  storages_.insert_or_assign(storage, gradient.storage().getWeakStorageImpl());
  if (storages_.size() < 2 * tidied_ + 64) return;
  std::erase_if(storages_, [](const auto& entry) { return entry.second.expired(); });
  tidied_ = storages_.size();
}

bool GradientMemory::has(const TensorPromise& promise) const {
  const at::Tensor* tensor = promise.peek();
  if (tensor == nullptr || !tensor->defined() || !tensor->has_storage()) return false;
  return storages_.contains(tensor->storage().unsafeGetStorageImpl());
}

void Trace::add(const Effects& effects) {
  reads_.insert(reads_.end(), effects.reads.begin(), effects.reads.end());
  writes_.insert(writes_.end(), effects.writes.begin(), effects.writes.end());
  marks_ |= effects.marks;
  empty_ = false;
}

bool Trace::touches(const Promises& promises, const TensorPromise& promise) {
  return std::ranges::any_of(promises, [&](const std::weak_ptr<TensorPromise>& weak) {
    const TensorPromisePtr other = weak.lock();
    return other && may_share(*other, promise);
  });
}

bool Trace::conflicts(const Effects& effects, uint64_t batch, const GradientMemory& gradients) const {
  if (empty_ || effects.empty()) return false;
  if (((marks_ | effects.marks) & Effects::kAll) != 0) return true;
  constexpr uint8_t kExclusive = Effects::kRandom | Effects::kGradients | Effects::kAutocast;
  if ((marks_ & effects.marks & kExclusive) != 0) return true;
  if ((marks_ & Effects::kGraph) != 0 && !effects.writes.empty()) return true;
  if ((effects.marks & Effects::kGraph) != 0 && !writes_.empty()) return true;
  const auto belongs = [&](const TensorPromisePtr& promise) {
    if (promise->origin() != nullptr && promise->origin()->batch == batch) return true;
    return (marks_ & Effects::kGradients) != 0 && gradients.has(*promise);
  };
  const auto is_changed = [&](const TensorPromisePtr& promise) {
    return belongs(promise) || touches(writes_, *promise);
  };
  const auto is_used = [&](const TensorPromisePtr& promise) {
    return is_changed(promise) || touches(reads_, *promise);
  };
  return std::ranges::any_of(effects.reads, is_changed) || std::ranges::any_of(effects.writes, is_used);
}

}  // namespace rnn::runtime
