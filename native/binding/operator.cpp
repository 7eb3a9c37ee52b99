#include "binding/operator.h"

#include <ATen/core/DimVector.h>
#include <ATen/core/enum_tag.h>
#include <ATen/core/jit_type.h>

#include <algorithm>
#include <array>

#include "runtime/tensors.h"
#include "runtime/version.h"

namespace rnn::binding {
namespace {

Kind kind_of_element(const c10::Type& type) {
  switch (type.kind()) {
    case c10::TypeKind::TensorType:
      return Kind::kTensorList;
    case c10::TypeKind::OptionalType:
      return Kind::kOptionalTensorList;
    case c10::TypeKind::NumberType:
      return Kind::kScalarList;
    case c10::TypeKind::IntType:
    case c10::TypeKind::SymIntType:
      return Kind::kIntList;
    case c10::TypeKind::FloatType:
      return Kind::kFloatList;
    case c10::TypeKind::BoolType:
      return Kind::kBoolList;
    case c10::TypeKind::ListType:
      return kind_of_element(*type.expectRef<c10::ListType>().getElementType()) == Kind::kIntList ? Kind::kIntLists
                                                                                                  : Kind::kUnsupported;
    default:
      return Kind::kUnsupported;
  }
}

Kind kind_of(const c10::Type& type) {
  switch (type.kind()) {
    case c10::TypeKind::TensorType:
      return Kind::kTensor;
    case c10::TypeKind::NumberType:
      return Kind::kScalar;
    // dtypes, layouts and memory formats are passed as their numbers.
    case c10::TypeKind::IntType:
    case c10::TypeKind::SymIntType:
    case c10::TypeKind::ScalarTypeType:
    case c10::TypeKind::LayoutType:
    case c10::TypeKind::MemoryFormatType:
      return Kind::kInt;
    case c10::TypeKind::FloatType:
      return Kind::kFloat;
    case c10::TypeKind::BoolType:
      return Kind::kBool;
    case c10::TypeKind::StringType:
      return Kind::kString;
    case c10::TypeKind::DeviceObjType:
      return Kind::kDevice;
    case c10::TypeKind::GeneratorType:
      return Kind::kGenerator;
    case c10::TypeKind::ListType:
      return kind_of_element(*type.expectRef<c10::ListType>().getElementType());
    default:
      return Kind::kUnsupported;
  }
}

Parameter parameter_of(const c10::Argument& argument) {
  Parameter parameter;
  parameter.name = argument.name();
  c10::TypePtr type = argument.real_type();
  if (const auto optional = type->cast<c10::OptionalType>()) {
    parameter.optional = true;
    type = optional->getElementType();
  }
  parameter.kind = kind_of(*type);
  parameter.size = argument.N().value_or(0);
  parameter.standard = argument.default_value();
  parameter.written = argument.alias_info() != nullptr && argument.alias_info()->isWrite();
  return parameter;
}

Direct direct_of(const c10::OperatorHandle& handle, const std::vector<Parameter>& parameters) {
  const auto& returns = handle.schema().returns();
  if (returns.size() != 1 || kind_of(*returns[0].real_type()) != Kind::kTensor) return {};
  if (returns[0].alias_info() != nullptr) return {};
  std::vector<Kind> kinds;
  for (const Parameter& parameter : parameters) {
    if (parameter.optional) return {};
    kinds.push_back(parameter.kind);
  }
  if (kinds == std::vector{Kind::kTensor}) return handle.typed<Unary>();
  if (kinds == std::vector{Kind::kTensor, Kind::kTensor}) return handle.typed<Binary>();
  if (kinds == std::vector{Kind::kTensor, Kind::kTensor, Kind::kScalar}) return handle.typed<ScaledBinary>();
  return {};
}

bool draws(const c10::OperatorHandle& handle) {
  if (handle.hasTag(at::Tag::nondeterministic_seeded)) return true;
  // Recurrent networks draw random numbers for dropout.
  const std::string& name = handle.schema().name();
  return std::ranges::any_of(std::array{"aten::lstm", "aten::gru", "aten::rnn_", "aten::_cudnn_rnn"},
                             [&](const char* prefix) { return name.starts_with(prefix); }) ||
         std::ranges::any_of(handle.schema().arguments(), [](const c10::Argument& argument) {
           return kind_of(argument.real_type()->kind() == c10::TypeKind::OptionalType
                              ? *argument.real_type()->expectRef<c10::OptionalType>().getElementType()
                              : *argument.real_type()) == Kind::kGenerator;
         });
}

// Marks arguments whose memory a result may share. Composite operators do not always declare this: dropout returns its
// input outside of training.
void mark_shared(const c10::OperatorHandle& handle, std::vector<Parameter>& parameters) {
  const auto& returns = handle.schema().returns();
  const bool says =
      std::ranges::any_of(returns, [](const c10::Argument& result) { return result.alias_info() != nullptr; });
  const bool composite = handle.hasKernelForDispatchKey(c10::DispatchKey::CompositeImplicitAutograd);
  for (size_t i = 0; i < parameters.size(); i++) {
    const c10::AliasInfo* alias = handle.schema().arguments()[i].alias_info();
    parameters[i].shared = alias != nullptr || (composite && !says);
  }
}

}  // namespace

Operator::Operator(const c10::OperatorHandle& handle) : handle_(handle) {
  const c10::FunctionSchema& schema = handle.schema();
  for (const auto& argument : schema.arguments()) parameters_.push_back(parameter_of(argument));
  for (const auto& result : schema.returns()) {
    const bool aliased = result.alias_info() != nullptr && result.alias_info()->isWrite();
    aliased_.push_back(aliased);
    if (aliased) continue;
    fresh_++;
    const Kind kind = kind_of(*result.real_type());
    if (kind == Kind::kTensor) continue;
    queueable_ = false;
    if (kind != Kind::kTensorList) reads_ = true;
  }
  direct_ = direct_of(handle, parameters_);
  mark_shared(handle, parameters_);
  if (draws(handle)) marks_ |= Effects::kRandom;
  if (schema.name() == "aten::set_" || schema.name() == "aten::set_data") marks_ |= Effects::kAll;
  check_ = operators::check_of(schema.name());
  outline_ = operators::outline_of(handle);
  const bool resizes = schema.name().starts_with("aten::resize") || schema.name() == "aten::set_";
  reshapes_ = resizes || handle.hasTag(at::Tag::inplace_view) || schema.name() == "aten::set_data" ||
              schema.name() == "aten::requires_grad_";
  for (size_t i = 0; i < schema.arguments().size(); i++) {
    const c10::Argument& argument = schema.arguments()[i];
    if (argument.alias_info() == nullptr || !argument.alias_info()->isWrite()) continue;
    // LibTorch does not bump the versions of tensors changed by the fused optimizers.
    if (schema.name().starts_with("aten::_fused_")) unversioned_.push_back(i);
    if (resizes || argument.kwarg_only()) resized_.push_back(i);
    if (argument.kwarg_only()) reshapes_ = true;
  }
}

namespace {

void collect(const std::vector<c10::IValue>& stack, const std::vector<size_t>& arguments, Tensors& tensors) {
  for (const size_t argument : arguments) {
    if (stack[argument].isTensor()) tensors.push_back(stack[argument].toTensor());
    if (!stack[argument].isTensorList()) continue;
    for (const at::Tensor& tensor : stack[argument].toTensorVector()) tensors.push_back(tensor);
  }
}

// Remembers the size of a tensor. LibTorch sets the new size before it allocates memory, and does not restore it if
// that fails.
class Extent {
 public:
  explicit Extent(const at::Tensor& tensor)
      : tensor_(tensor),
        storage_(tensor.storage()),
        sizes_(tensor.sizes()),
        strides_(tensor.strides()),
        offset_(tensor.storage_offset()) {}

  static bool has(const at::Tensor& tensor) {
    return tensor.defined() && tensor.layout() == at::kStrided && tensor.has_storage();
  }

  void restore() const {
    c10::TensorImpl* impl = tensor_.unsafeGetTensorImpl();
    if (!tensor_.storage().is_alias_of(storage_)) impl->set_storage_keep_dtype(storage_);
    if (tensor_.sizes() == sizes_ && tensor_.strides() == strides_ && tensor_.storage_offset() == offset_) return;
    impl->set_sizes_and_strides(sizes_, strides_, offset_);
  }

 private:
  at::Tensor tensor_;
  c10::Storage storage_;
  at::DimVector sizes_, strides_;
  int64_t offset_;
};

}  // namespace

void Operator::call(std::vector<c10::IValue>& stack) const {
  if (check_ != nullptr) check_(stack);
  Tensors written, resized;
  collect(stack, unversioned_, written);
  collect(stack, resized_, resized);
  std::vector<Extent> extents;
  for (const at::Tensor& tensor : resized) {
    if (Extent::has(tensor)) extents.emplace_back(tensor);
  }
  try {
    handle_.callBoxed(stack);
  } catch (...) {
    for (const Extent& extent : extents) extent.restore();
    throw;
  }
  bump_versions(written);
}

bool Operator::outline(std::vector<c10::IValue>& stack) const {
  // Operators with a check may read out of bounds when called without it. The meta kernel of isin for a number is
  // wrong: it returns size (0) for a 0-D result.
  if (check_ != nullptr || handle_.schema().name() == "aten::isin") return false;
  if (at::Tensor result = outline_ == nullptr ? at::Tensor() : outline_(stack); result.defined()) {
    stack = {std::move(result)};
    return true;
  }
  for (size_t i = 0; i < parameters_.size(); i++) {
    if (parameters_[i].kind == Kind::kDevice) stack[i] = c10::Device(at::kMeta);
  }
  const c10::AutoGradMode no_grad(false);
  handle_.callBoxed(stack);
  return true;
}

}  // namespace rnn::binding
