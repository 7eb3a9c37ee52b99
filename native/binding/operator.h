#pragma once
#include <ATen/core/dispatch/Dispatcher.h>

#include <string>
#include <variant>
#include <vector>

#include "binding/addon.h"
#include "operators/check.h"

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
  // A list of a fixed size may be given as one element.
  int32_t size = 0;
  std::optional<c10::IValue> standard;
  // The call changes it.
  bool written = false;
  // A result may lie in its memory.
  bool shared = false;
};

// The commonest signatures, which are called as C++ functions: boxing their arguments costs a tenth of a small call.
using Unary = at::Tensor(const at::Tensor&);
using Binary = at::Tensor(const at::Tensor&, const at::Tensor&);
using ScaledBinary = at::Tensor(const at::Tensor&, const at::Tensor&, const at::Scalar&);
using Direct = std::variant<std::monostate, c10::TypedOperatorHandle<Unary>, c10::TypedOperatorHandle<Binary>,
                            c10::TypedOperatorHandle<ScaledBinary>>;

// A registered operator with its schema in a form that is quick to convert by.
class Operator {
 public:
  explicit Operator(const c10::OperatorHandle& handle);

  const c10::OperatorHandle& handle() const { return handle_; }
  const Direct& direct() const { return direct_; }
  const std::vector<Parameter>& parameters() const { return parameters_; }

  // Replaces the arguments by the results.
  void call(std::vector<c10::IValue>& stack) const;
  // The same on the meta device, for results without memory; false where that tells nothing.
  bool outline(std::vector<c10::IValue>& stack) const;

  // Only tensors come out, one each: so it can be queued before they exist.
  bool queueable() const { return queueable_; }
  // Sizes, strides or the memory of arguments change: nobody may look at these meanwhile.
  bool reshapes() const { return reshapes_; }
  // What the call does beside its tensors.
  uint8_t marks() const { return marks_; }
  // Values come out, which JavaScript could only get by waiting.
  bool reads() const { return reads_; }
  // The results that are no arguments of the call (`add_` returns its first argument).
  size_t fresh() const { return fresh_; }
  bool aliased(size_t result) const { return aliased_[result]; }

 private:
  c10::OperatorHandle handle_;
  Direct direct_;
  std::vector<Parameter> parameters_;
  std::vector<bool> aliased_;
  // The arguments whose versions the call leaves as they were although it writes to them.
  std::vector<size_t> unversioned_;
  // Those that the call may give another size.
  std::vector<size_t> resized_;
  // Refuses arguments with which LibTorch would read outside of tensors; may be null.
  operators::Check check_ = nullptr;
  size_t fresh_ = 0;
  uint8_t marks_ = 0;
  bool queueable_ = true;
  bool reshapes_ = false;
  bool keeps_form_ = false;
  bool reads_ = false;
};

}  // namespace rnn::binding
