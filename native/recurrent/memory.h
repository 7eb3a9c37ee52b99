#pragma once
#include <cstdint>
#include <memory>
#include <mutex>
#include <new>
#include <vector>

namespace rnn::recurrent {

// Floats that start a cache line, with values left open.
class Floats {
 public:
  Floats() = default;
  explicit Floats(int64_t size) : size_(size), data_(allocate(size)) {}

  float* data() const { return data_.get(); }
  int64_t size() const { return size_; }

 private:
  static constexpr std::align_val_t kAlignment{64};
  struct Free {
    void operator()(float* data) const { ::operator delete[](data, kAlignment); }
  };
  using Pointer = std::unique_ptr<float, Free>;

  static Pointer allocate(int64_t size) {
    return Pointer(static_cast<float*>(::operator new[](static_cast<size_t>(size) * sizeof(float), kAlignment)));
  }

  int64_t size_ = 0;
  Pointer data_;
};

// Memory that the steps of a training loop use in turns. Fresh memory of this size comes from the system and goes
// back to it, and each of its pages costs a fault: more than the arithmetic on it, in small networks.
class Workspace : public std::enable_shared_from_this<Workspace> {
 public:
  // Goes back to the workspace with its last owner.
  using Lease = std::shared_ptr<const Floats>;

  // So that taking memory back needs none.
  Workspace() { free_.reserve(kMostBlocks + 1); }

  Lease lease(int64_t size) {
    Floats floats;
    {
      const std::lock_guard lock(mutex_);
      for (Floats& free : free_) {
        if (free.size() < size || free.size() > 2 * size) continue;
        std::swap(floats, free);
        std::swap(free, free_.back());
        free_.pop_back();
        break;
      }
    }
    if (floats.data() == nullptr) floats = Floats(size);
    auto owned = std::make_unique<Floats>(std::move(floats));
    return {owned.release(), [self = shared_from_this()](Floats* returned) {
              const std::unique_ptr<Floats> owner(returned);
              self->keep(std::move(*owner));
            }};
  }

 private:
  // What stays between calls: large networks do not notice the faults, but would hold much memory.
  static constexpr int64_t kMostFloats = 32 << 20;
  static constexpr size_t kMostBlocks = 64;

  void keep(Floats floats) {
    const std::lock_guard lock(mutex_);
    free_.push_back(std::move(floats));
    // The oldest go: sizes that are no longer asked for do not stay.
    int64_t held = 0;
    for (const Floats& free : free_) held += free.size();
    while (held > kMostFloats || free_.size() > kMostBlocks) {
      held -= free_.front().size();
      free_.erase(free_.begin());
    }
  }

  std::mutex mutex_;
  std::vector<Floats> free_;
};

}  // namespace rnn::recurrent
