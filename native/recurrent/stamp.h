#pragma once
#include <ATen/core/Tensor.h>

#include <optional>

#include "recurrent/kernels.h"

namespace rnn::recurrent {

// Whether a parameter can change undetected: if it is an inference tensor, or if JavaScript has a view of its memory,
// which makes the memory non-resizable.
bool changes_unseen(const at::Tensor& parameter);

// The state of a parameter when it was packed. A parameter's memory may be replaced, and new memory may have the old
// address, but the address of the storage object is not reused while a weak reference to it exists.
class Stamp {
 public:
  Stamp(const Kernels& kernels, const at::Tensor& parameter);
  // Whether the parameter is still the same.
  bool fits(const Kernels& kernels, const at::Tensor& parameter) const;

 private:
  c10::weak_intrusive_ptr<c10::StorageImpl> storage_;
  const void* data_;
  uint32_t version_;
  // A hash of the memory, if it can change undetected.
  std::optional<uint64_t> contents_;
};

// The parameter itself if its memory is contiguous float32, else a copy that is.
at::Tensor readable(const at::Tensor& parameter);

}  // namespace rnn::recurrent
