#include "binding/convert.h"

#include <ATen/ScalarOps.h>
#include <ATen/core/List.h>

#include <cmath>

#include "binding/generator.h"

namespace rnn::binding {
namespace {

constexpr double kMaxSafeInteger = 9007199254740991.0;

int64_t int_from(Napi::Value value, const std::string& name) {
  if (value.IsNumber()) {
    const double number = value.As<Napi::Number>().DoubleValue();
    if (std::trunc(number) == number && std::abs(number) <= kMaxSafeInteger) return static_cast<int64_t>(number);
  } else if (value.IsBigInt()) {
    bool lossless = false;
    const int64_t number = value.As<Napi::BigInt>().Int64Value(&lossless);
    if (lossless) return number;
  }
  reject(name, "an integer");
}

double float_from(Napi::Value value, const std::string& name) {
  if (!value.IsNumber()) reject(name, "a number");
  return value.As<Napi::Number>().DoubleValue();
}

bool bool_from(Napi::Value value, const std::string& name) {
  if (!value.IsBoolean()) reject(name, "a boolean");
  return value.As<Napi::Boolean>().Value();
}

template <typename T, typename Read>
c10::List<T> list_from(Napi::Value value, const Parameter& parameter, const char* expected, Read read) {
  c10::List<T> list;
  if (value.IsArray()) {
    const Napi::Array array = value.As<Napi::Array>();
    list.reserve(array.Length());
    for (uint32_t i = 0; i < array.Length(); i++) list.push_back(read(array.Get(i), parameter.name));
  } else if (parameter.size > 0) {
    const T element = read(value, parameter.name);
    for (int32_t i = 0; i < parameter.size; i++) list.push_back(element);
  } else {
    reject(parameter.name, expected);
  }
  return list;
}

Napi::Value from_int(Napi::Env env, int64_t value) {
  const double number = static_cast<double>(value);
  if (std::abs(number) > kMaxSafeInteger) return Napi::BigInt::New(env, value);
  return Napi::Number::New(env, number);
}

}  // namespace

void reject(const std::string& name, const char* expected) {
  throw c10::TypeError({__func__, __FILE__, static_cast<uint32_t>(__LINE__)}, name + " must be " + expected);
}

c10::Scalar to_scalar(Napi::Value value) {
  if (value.IsBoolean()) return {value.As<Napi::Boolean>().Value()};
  if (value.IsBigInt()) return {int_from(value, "value")};
  if (!value.IsNumber()) reject("value", "a number");
  const double number = value.As<Napi::Number>().DoubleValue();
  // JavaScript does not distinguish 2 and 2.0: a whole number is an int, like the literal 2 in Python.
  const bool whole = std::trunc(number) == number && std::abs(number) <= kMaxSafeInteger;
  if (whole && !(number == 0 && std::signbit(number))) return {static_cast<int64_t>(number)};
  return {number};
}

at::Tensor to_wrapped_number(Napi::Value value, const std::string& name) {
  if (!value.IsArray()) reject(name, "a Tensor");
  return at::native::wrapped_scalar_tensor(to_scalar(value.As<Napi::Array>().Get(0U)));
}

int64_t to_int(Napi::Value value, const char* what) { return int_from(value, what); }

uint64_t to_seed(Napi::Value value) {
  if (value.IsBigInt()) {
    bool lossless = false;
    const uint64_t seed = value.As<Napi::BigInt>().Uint64Value(&lossless);
    if (lossless) return seed;
  }
  return static_cast<uint64_t>(to_int(value, "seed"));
}

std::vector<int64_t> to_ints(Napi::Value value, const char* what) {
  if (!value.IsArray()) reject(what, "an array of integers");
  const Napi::Array array = value.As<Napi::Array>();
  std::vector<int64_t> ints;
  ints.reserve(array.Length());
  for (uint32_t i = 0; i < array.Length(); i++) ints.push_back(int_from(array.Get(i), what));
  return ints;
}

OperatorArguments::OperatorArguments(Addon& addon, const Operator& op)
    : addon_(addon), op_(op), has_effects_(!addon.idle()) {
  stack_.reserve(op.parameters().size());
  effects_.marks = op.marks();
}

void OperatorArguments::push(const Parameter& parameter, Napi::Value value) {
  // Calls of Node-API are expensive, so query the type only once.
  const napi_valuetype type = value.Type();
  if (type == napi_undefined) {
    if (parameter.standard) {
      stack_.push_back(*parameter.standard);
    } else if (parameter.optional) {
      stack_.emplace_back();
    } else {
      throw c10::TypeError({__func__, __FILE__, static_cast<uint32_t>(__LINE__)},
                           "missing 1 required positional argument: '" + parameter.name + "'");
    }
  } else if (type == napi_null && parameter.optional) {
    stack_.emplace_back();
  } else {
    stack_.push_back(convert(parameter, value, type));
  }
}

c10::IValue OperatorArguments::convert(const Parameter& parameter, Napi::Value value, napi_valuetype type) {
  switch (parameter.kind) {
    case Kind::kTensor:
      if (type == napi_object) return to_wrapped_number(value, parameter.name);
      if (type != napi_number) reject(parameter.name, "a Tensor");
      return tensor(parameter, value, -1);
    case Kind::kTensorList:
      return tensors(parameter, value);
    case Kind::kOptionalTensorList:
      return optional_tensors(parameter, value);
    case Kind::kScalar:
      return to_scalar(value);
    case Kind::kScalarList: {
      c10::List<c10::Scalar> list;
      if (!value.IsArray()) reject(parameter.name, "an array of numbers");
      const Napi::Array array = value.As<Napi::Array>();
      for (uint32_t i = 0; i < array.Length(); i++) list.push_back(to_scalar(array.Get(i)));
      return list;
    }
    case Kind::kInt:
      return int_from(value, parameter.name);
    case Kind::kIntLists: {
      c10::List<c10::List<int64_t>> lists;
      if (!value.IsArray()) reject(parameter.name, "an array of arrays of integers");
      const Napi::Array array = value.As<Napi::Array>();
      for (uint32_t i = 0; i < array.Length(); i++) {
        lists.push_back(list_from<int64_t>(array.Get(i), parameter, "an array of arrays of integers", int_from));
      }
      return lists;
    }
    case Kind::kIntList:
      return list_from<int64_t>(value, parameter, "an array of integers", int_from);
    case Kind::kFloat:
      return float_from(value, parameter.name);
    case Kind::kFloatList:
      return list_from<double>(value, parameter, "an array of numbers", float_from);
    case Kind::kBool:
      return bool_from(value, parameter.name);
    case Kind::kBoolList:
      return list_from<bool>(value, parameter, "an array of booleans", bool_from);
    case Kind::kString:
      if (!value.IsString()) reject(parameter.name, "a string");
      return value.As<Napi::String>().Utf8Value();
    case Kind::kDevice:
      if (!value.IsString()) reject(parameter.name, "the name of a device");
      return c10::Device(value.As<Napi::String>().Utf8Value());
    case Kind::kGenerator:
      return to_generator(value, parameter.name);
    case Kind::kUnsupported:
      break;
  }
  throw c10::NotImplementedError({__func__, __FILE__, static_cast<uint32_t>(__LINE__)},
                                 "argument '" + parameter.name + "' has a type that JavaScript cannot give");
}

at::Tensor OperatorArguments::tensor(const Parameter& parameter, Napi::Value id, int64_t element) {
  const TensorPromisePtr& promise = addon_.handles->promise(id.As<Napi::Number>().Uint32Value());
  if (has_effects_) {
    (parameter.written ? effects_.writes : effects_.reads).push_back(promise);
    if (parameter.shared) effects_.shares.push_back(promise);
  }
  if (const at::Tensor* ready = promise->peek()) return *ready;
  pending_.push_back({promise, stack_.size(), element});
  return {};
}

c10::IValue OperatorArguments::tensors(const Parameter& parameter, Napi::Value value) {
  if (!value.IsArray()) reject(parameter.name, "tuple of Tensors");
  const Napi::Array array = value.As<Napi::Array>();
  c10::List<at::Tensor> list;
  list.reserve(array.Length());
  for (uint32_t i = 0; i < array.Length(); i++) list.push_back(tensor(parameter, array.Get(i), i));
  return list;
}

c10::IValue OperatorArguments::optional_tensors(const Parameter& parameter, Napi::Value value) {
  if (!value.IsArray()) reject(parameter.name, "tuple of Tensors");
  const Napi::Array array = value.As<Napi::Array>();
  c10::List<std::optional<at::Tensor>> list;
  list.reserve(array.Length());
  for (uint32_t i = 0; i < array.Length(); i++) {
    const Napi::Value element = array.Get(i);
    if (element.IsNull() || element.IsUndefined()) {
      list.push_back(std::nullopt);
    } else {
      list.push_back(tensor(parameter, element, i));
    }
  }
  return list;
}

void OperatorArguments::put(c10::IValue& argument, int64_t element, const at::Tensor& tensor) {
  if (element < 0) {
    argument = tensor;
  } else if (argument.isTensorList()) {
    argument.toTensorList().set(static_cast<size_t>(element), tensor);
  } else {
    argument.toOptionalTensorList().set(static_cast<size_t>(element), tensor);
  }
}

std::vector<c10::IValue> OperatorArguments::resolve() {
  const std::lock_guard lock(mutex_);
  for (const Pending& pending : pending_) put(stack_[pending.argument], pending.element, pending.promise->get());
  pending_.clear();
  return stack_;
}

std::vector<Outline> OperatorArguments::compute() {
  std::vector<c10::IValue> stack;
  std::vector<Pending> pending;
  {
    const std::lock_guard lock(mutex_);
    for (const c10::IValue& argument : stack_) {
      // Lists are shared by reference.
      if (argument.isTensorList()) {
        stack.emplace_back(argument.toTensorList().copy());
      } else if (argument.isOptionalTensorList()) {
        stack.emplace_back(argument.toOptionalTensorList().copy());
      } else {
        stack.push_back(argument);
      }
    }
    pending = pending_;
  }
  Outline common;
  const auto take = [&](const Outline& found) {
    common.has_dtype = common.has_dtype && found.has_dtype;
    // A 0-D tensor may be on another device than the others.
    if (found.meta.dim() == 0 && common.device) return found.meta;
    common.device = found.device;
    return found.meta;
  };
  const auto without_memory = [&](const at::Tensor& tensor) {
    // Wrapped numbers have lower priority in type promotion, so they are kept as they are.
    if (!tensor.defined() || tensor.unsafeGetTensorImpl()->is_wrapped_number()) return tensor;
    return take(*addon_.outline(std::make_shared<TensorPromise>(tensor)));
  };
  for (c10::IValue& argument : stack) {
    if (argument.isTensor()) {
      argument = without_memory(argument.toTensor());
    } else if (argument.isTensorList()) {
      const auto list = argument.toTensorList();
      for (size_t i = 0; i < list.size(); i++) list.set(i, without_memory(list.get(i)));
    } else if (argument.isOptionalTensorList()) {
      const auto list = argument.toOptionalTensorList();
      for (size_t i = 0; i < list.size(); i++) {
        if (const auto element = list.get(i)) list.set(i, without_memory(*element));
      }
    } else if (argument.isDevice()) {
      common.device = argument.toDevice();
    }
  }
  for (const Pending& one : pending) {
    const auto found = addon_.outline(one.promise);
    if (!found) return {};
    put(stack[one.argument], one.element, take(*found));
  }
  if (!op_.outline(stack)) return {};
  std::vector<Outline> outlines;
  for (size_t i = 0; i < stack.size(); i++) {
    if (op_.aliased(i)) continue;
    if (!stack[i].isTensor()) return {};
    outlines.push_back({.meta = stack[i].toTensor(), .has_dtype = common.has_dtype, .device = common.device});
  }
  return outlines;
}

Napi::Value from_ivalue(Napi::Env env, Addon& addon, c10::IValue&& value) {
  if (value.isTensor()) return addon.wrap(env, std::move(value).toTensor());
  if (value.isInt()) return from_int(env, value.toInt());
  if (value.isDouble()) return Napi::Number::New(env, value.toDouble());
  if (value.isBool()) return Napi::Boolean::New(env, value.toBool());
  if (value.isNone()) return env.Null();
  if (value.isString()) return Napi::String::New(env, value.toStringRef());
  if (value.isTensorList()) {
    const auto tensors = value.toTensorVector();
    Napi::Array array = Napi::Array::New(env, tensors.size());
    for (uint32_t i = 0; i < tensors.size(); i++) array.Set(i, addon.wrap(env, tensors[i]));
    return array;
  }
  if (value.isList()) {
    const auto list = value.toListRef();
    Napi::Array array = Napi::Array::New(env, list.size());
    for (uint32_t i = 0; i < list.size(); i++) array.Set(i, from_ivalue(env, addon, c10::IValue(list[i])));
    return array;
  }
  throw c10::NotImplementedError({__func__, __FILE__, static_cast<uint32_t>(__LINE__)},
                                 "a result of type " + value.tagKind() + " has no JavaScript form");
}

}  // namespace rnn::binding
