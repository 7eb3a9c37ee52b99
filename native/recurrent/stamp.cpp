#include "recurrent/stamp.h"

namespace rnn::recurrent {
namespace {

// Inference tensors have no version counter.
uint32_t version_of(const at::Tensor& tensor) {
  return tensor.is_inference() ? 0 : tensor.unsafeGetTensorImpl()->version_counter().current_version();
}

// nullopt if the version reveals all changes, or if the memory is not contiguous.
std::optional<uint64_t> contents_of(const Kernels& kernels, const at::Tensor& tensor) {
  if (!changes_unseen(tensor) || !tensor.is_contiguous()) return std::nullopt;
  return kernels.fingerprint(tensor.const_data_ptr(), static_cast<int64_t>(tensor.nbytes()));
}

}  // namespace

bool changes_unseen(const at::Tensor& parameter) {
  return parameter.is_inference() || !parameter.storage().resizable();
}

Stamp::Stamp(const Kernels& kernels, const at::Tensor& parameter)
    : storage_(parameter.storage().getWeakStorageImpl()),
      data_(parameter.const_data_ptr()),
      version_(version_of(parameter)),
      contents_(contents_of(kernels, parameter)) {}

bool Stamp::fits(const Kernels& kernels, const at::Tensor& parameter) const {
  if (parameter.storage().unsafeGetStorageImpl() != storage_._unsafe_get_target()) return false;
  if (parameter.const_data_ptr() != data_ || version_of(parameter) != version_) return false;
  return !changes_unseen(parameter) || (contents_ && contents_ == contents_of(kernels, parameter));
}

at::Tensor readable(const at::Tensor& parameter) {
  if (parameter.scalar_type() == at::kFloat && parameter.is_contiguous()) return parameter;
  return parameter.detach().to(at::kFloat).contiguous();
}

}  // namespace rnn::recurrent
