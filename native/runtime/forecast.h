#pragma once
#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace rnn::runtime {

// What is known about a tensor that has not been computed yet.
struct Outline {
  // A meta tensor with the known sizes and, unless autocast may change it, the known dtype.
  at::Tensor meta = {};
  bool has_dtype = true;
  std::optional<c10::Device> device = std::nullopt;
};

// What is known about the results of a call before it has run. Computed on demand, by running the operator on
// LibTorch's meta device. For the JavaScript thread only.
class Forecast {
 public:
  Forecast() = default;
  Forecast(const Forecast&) = delete;
  Forecast& operator=(const Forecast&) = delete;
  virtual ~Forecast() = default;

  // Null if nothing is known.
  const Outline* at(size_t result) {
    if (!computed_) {
      computed_ = true;
      try {
        results_ = compute();
      } catch (const std::exception&) {
        // Sizes that depend on values, operators without a meta kernel, invalid arguments: the call itself will report
        // errors.
      }
    }
    return result < results_.size() && results_[result].meta.defined() ? &results_[result] : nullptr;
  }

 protected:
  virtual std::vector<Outline> compute() = 0;

 private:
  bool computed_ = false;
  std::vector<Outline> results_;
};

// A forecast computed by a function.
class FunctionForecast : public Forecast {
 public:
  using Function = std::function<std::vector<Outline>()>;
  explicit FunctionForecast(Function function) : function_(std::move(function)) {}

 protected:
  std::vector<Outline> compute() override { return function_(); }

 private:
  const Function function_;
};

using ForecastPtr = std::shared_ptr<Forecast>;

inline ForecastPtr forecast_by(FunctionForecast::Function function) {
  return std::make_shared<FunctionForecast>(std::move(function));
}

}  // namespace rnn::runtime
