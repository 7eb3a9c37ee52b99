#pragma once
#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>
#include <optional>
#include <utility>
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
  Forecast() = default;
  Forecast(const Forecast&) = delete;
  Forecast& operator=(const Forecast&) = delete;
  virtual ~Forecast() = default;

  // Null where nothing is known.
  const Outline* at(size_t result) {
    if (!computed_) {
      computed_ = true;
      try {
        results_ = compute();
      } catch (const std::exception&) {
        // Sizes that depend on values, operators without a meta kernel, mistakes: the call itself will tell.
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

// By a function.
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
