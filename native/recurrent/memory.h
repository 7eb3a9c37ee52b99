#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <new>
#include <vector>

namespace rnn::recurrent {

// A cache-line-aligned, uninitialized float buffer.
class Floats {
 public:
  Floats() = default;
  explicit Floats(int64_t size) : size_(size), data_(allocate(size)) {}
  // Memory of another owner, which must outlive the view.
  static Floats view(float* data, int64_t size) {
    Floats floats;
    floats.size_ = size;
    floats.data_ = Pointer(data, Free(false));
    return floats;
  }

  float* data() const { return data_.get(); }
  int64_t size() const { return size_; }

 private:
  static constexpr std::align_val_t kAlignment{64};
  struct Free {
    bool owned;
    Free() noexcept : Free(true) {}
    explicit Free(bool owns) noexcept : owned(owns) {}
    void operator()(float* data) const {
      if (owned) ::operator delete[](data, kAlignment);
    }
  };
  using Pointer = std::unique_ptr<float, Free>;

  static Pointer allocate(int64_t size) {
    return Pointer(static_cast<float*>(::operator new[](static_cast<size_t>(size) * sizeof(float), kAlignment)));
  }

  int64_t size_ = 0;
  Pointer data_;
};

// Gives memory of a size.
using TakeFloats = std::function<Floats(int64_t size)>;

// Memory that is reused by the steps of a training loop. Otherwise, blocks of this size are allocated from and returned
// to the system each time, and each of their pages costs a page fault: in small networks, more than the arithmetic on
// it.
class Workspace : public std::enable_shared_from_this<Workspace> {
 public:
  // Returned to the workspace when its last owner releases it.
  using Lease = std::shared_ptr<const Floats>;

  // Reserves space, so that taking memory back does not allocate.
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
  // The limits of what is kept between calls: page faults do not matter for large networks, which would hold a lot of
  // memory.
  static constexpr int64_t kMostFloats = 32 << 20;
  static constexpr size_t kMostBlocks = 64;

  void keep(Floats floats) {
    const std::lock_guard lock(mutex_);
    free_.push_back(std::move(floats));
    // Free the oldest blocks, so that sizes no longer requested are not kept.
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
