#pragma once
#include <ATen/core/Tensor.h>

#include <functional>
#include <optional>
#include <vector>

namespace rnn::runtime {

// What is known of a tensor that has not been computed.
struct Outline {
  // Without memory; of the sizes, and unless autocast has a say of the dtype.
  at::Tensor meta = {};
  bool has_dtype = true;
  std::optional<c10::Device> device = std::nullopt;
};

// What is known of the results of a call before it has run. Worked out when somebody asks: LibTorch runs the operator
// on its meta device. For the JavaScript thread only.
class Forecast {
 public:
  using Compute = std::function<std::vector<Outline>()>;

  explicit Forecast(Compute compute) : compute_(std::move(compute)) {}

  // Null where nothing is known.
  const Outline* at(size_t result) {
    if (compute_) {
      try {
        results_ = compute_();
      } catch (const std::exception&) {
        // Sizes that depend on values, operators without a meta kernel, mistakes: the call itself will tell.
      }
      compute_ = nullptr;
    }
    return result < results_.size() && results_[result].meta.defined() ? &results_[result] : nullptr;
  }

 private:
  Compute compute_;
  std::vector<Outline> results_;
};

}  // namespace rnn::runtime
