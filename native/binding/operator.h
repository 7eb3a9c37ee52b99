#pragma once
#include <ATen/core/dispatch/Dispatcher.h>

#include <string>
#include <variant>
#include <vector>

#include "binding/addon.h"
#include "operators/check.h"
#include "operators/outline.h"

namespace rnn::binding {

// How an argument of a schema is read from JavaScript.
enum class Kind : uint8_t {
  kTensor,
  kTensorList,
  kOptionalTensorList,
  kScalar,
  kScalarList,
  kInt,
  kIntList,
  kIntLists,
  kFloat,
  kFloatList,
  kBool,
  kBoolList,
  kString,
  kDevice,
  kGenerator,
  kUnsupported,
};

struct Parameter {
  std::string name;
  Kind kind = Kind::kUnsupported;
  bool optional = false;
  // A list of a fixed size may be given as a single element.
  int32_t size = 0;
  std::optional<c10::IValue> standard;
  // The call modifies it.
  bool written = false;
  // A result may share its memory.
  bool shared = false;
};

// The most common signatures. They are called unboxed, as C++ functions: boxing takes a tenth of the time of a small
// call.
using Unary = at::Tensor(const at::Tensor&);
using Binary = at::Tensor(const at::Tensor&, const at::Tensor&);
using ScaledBinary = at::Tensor(const at::Tensor&, const at::Tensor&, const at::Scalar&);
using Direct = std::variant<std::monostate, c10::TypedOperatorHandle<Unary>, c10::TypedOperatorHandle<Binary>,
                            c10::TypedOperatorHandle<ScaledBinary>>;

// A registered operator, with its schema in a form for fast conversion of arguments.
class Operator {
 public:
  explicit Operator(const c10::OperatorHandle& handle);

  const c10::OperatorHandle& handle() const { return handle_; }
  const Direct& direct() const { return direct_; }
  const std::vector<Parameter>& parameters() const { return parameters_; }

  // Replaces the arguments by the results.
  void call(std::vector<c10::IValue>& stack) const;
  // The same on the meta device, for results without memory; returns false if that is not possible.
  bool outline(std::vector<c10::IValue>& stack) const;

  // All results are single tensors, so the call can be queued and its results promised.
  bool queueable() const { return queueable_; }
  // The call changes sizes, strides or memory of arguments, which must not be read in the meantime.
  bool reshapes() const { return reshapes_; }
  // Effects of the call other than on its tensors.
  uint8_t marks() const { return marks_; }
  // The call returns values, for which JavaScript would have to wait.
  bool reads() const { return reads_; }
  // The number of results that are not arguments of the call (`add_` returns its first argument).
  size_t fresh() const { return fresh_; }
  bool aliased(size_t result) const { return aliased_[result]; }

 private:
  c10::OperatorHandle handle_;
  Direct direct_;
  std::vector<Parameter> parameters_;
  std::vector<bool> aliased_;
  // The arguments that the call writes to without bumping their versions.
  std::vector<size_t> unversioned_;
  // The arguments that the call may resize.
  std::vector<size_t> resized_;
  // Refuses arguments with which LibTorch would read out of bounds; may be null.
  operators::Check check_ = nullptr;
  // Knows the result without a call; may be null.
  operators::Outline outline_ = nullptr;
  size_t fresh_ = 0;
  uint8_t marks_ = 0;
  bool queueable_ = true;
  bool reshapes_ = false;
  bool reads_ = false;
};

}  // namespace rnn::binding
