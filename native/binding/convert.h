#pragma once
#include <ATen/core/ivalue.h>
#include <napi.h>

#include <mutex>
#include <vector>

#include "binding/operator.h"

namespace rnn::binding {

// The arguments of one call, and the positions of tensors that are still pending.
class OperatorArguments : public Forecast {
 public:
  OperatorArguments(Addon& addon, const Operator& op);

  void push(const Parameter& parameter, Napi::Value value);

  // The effects of the call; empty if they are not needed because nothing is queued.
  Effects& effects() { return effects_; }

  // Inserts the tensors that were pending and have been computed by now.
  std::vector<c10::IValue> resolve();

 private:
  struct Pending {
    TensorPromisePtr promise;
    size_t argument;
    // The position in a list, or -1.
    int64_t element;
  };

  c10::IValue convert(const Parameter& parameter, Napi::Value value, napi_valuetype type);
  at::Tensor tensor(const Parameter& parameter, Napi::Value id, int64_t element);
  c10::IValue tensors(const Parameter& parameter, Napi::Value value);
  c10::IValue optional_tensors(const Parameter& parameter, Napi::Value value);

  std::vector<Outline> compute() override;
  static void put(c10::IValue& argument, int64_t element, const at::Tensor& tensor);

  Addon& addon_;
  const Operator& op_;
  const bool has_effects_;
  Effects effects_;
  // The lane inserts tensors while the JavaScript thread may be reading.
  std::mutex mutex_;
  std::vector<c10::IValue> stack_;
  std::vector<Pending> pending_;
};

// Throws an error: the argument does not have the expected type.
[[noreturn]] void reject(const std::string& name, const char* expected);

c10::Scalar to_scalar(Napi::Value value);
// Turns [number] into a wrapped number, as Python does with a number where a tensor is expected: it does not affect the
// dtype of the result.
at::Tensor to_wrapped_number(Napi::Value value, const std::string& name);
int64_t to_int(Napi::Value value, const char* what);
// From -2^63 up to 2^64 - 1; negative seeds wrap around, as in PyTorch.
uint64_t to_seed(Napi::Value value);
std::vector<int64_t> to_ints(Napi::Value value, const char* what);

// Converts a value returned by an operator; new tensors are added to the addon's handles.
Napi::Value from_ivalue(Napi::Env env, Addon& addon, c10::IValue&& value);

}  // namespace rnn::binding
