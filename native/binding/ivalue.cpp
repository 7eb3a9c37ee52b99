#include "binding/ivalue.h"

#include <algorithm>

#include "binding/convert.h"
#include "runtime/tensors.h"

namespace rnn::binding {
namespace {

// { tensor: id }
Later later_tensor(Given& given, Napi::Value value, const std::string& place) {
  const Napi::Value id = value.IsObject() ? value.As<Napi::Object>().Get("tensor") : value;
  if (!value.IsObject() || !id.IsNumber()) reject(place, "a Tensor");
  const TensorPromisePtr& promise = given.addon.promise(id);
  given.tensors.push_back(promise);
  return [promise] { return c10::IValue(promise->get()); };
}

std::vector<Later> later_elements(Given& given, const c10::TypePtr& type, Napi::Array array, const std::string& place) {
  std::vector<Later> elements;
  for (uint32_t i = 0; i < array.Length(); i++) {
    elements.push_back(later(given, type, array.Get(i), place + "[" + std::to_string(i) + "]"));
  }
  return elements;
}

Later later_list(Given& given, const c10::TypePtr& element, Napi::Value value, const std::string& place) {
  if (!value.IsArray()) reject(place, ("List[" + element->annotation_str() + "]").c_str());
  return [element, elements = later_elements(given, element, value.As<Napi::Array>(), place)] {
    c10::impl::GenericList list(element);
    list.reserve(elements.size());
    for (const Later& make : elements) list.push_back(make());
    return c10::IValue(std::move(list));
  };
}

Later later_tuple(Given& given, const c10::TupleTypePtr& type, Napi::Value value, const std::string& place) {
  const auto types = type->elements();
  const Napi::Array array = value.IsArray() ? value.As<Napi::Array>() : Napi::Array();
  if (array.IsEmpty() || array.Length() != types.size()) reject(place, type->annotation_str().c_str());
  std::vector<Later> elements;
  for (uint32_t i = 0; i < types.size(); i++) {
    elements.push_back(later(given, types[i], array.Get(i), place + "[" + std::to_string(i) + "]"));
  }
  return [type, elements] {
    std::vector<c10::IValue> values;
    for (const Later& make : elements) values.push_back(make());
    return c10::IValue(type->schema() ? c10::ivalue::Tuple::createNamed(std::move(values), type)
                                      : c10::ivalue::Tuple::create(std::move(values)));
  };
}

// { entries: [[key, value], …] }
Later later_dict(Given& given, const c10::DictTypePtr& type, Napi::Value value, const std::string& place) {
  const Napi::Value entries = value.IsObject() ? value.As<Napi::Object>().Get("entries") : value;
  if (!value.IsObject() || !entries.IsArray()) reject(place, type->annotation_str().c_str());
  const Napi::Array array = entries.As<Napi::Array>();
  std::vector<std::pair<Later, Later>> pairs;
  for (uint32_t i = 0; i < array.Length(); i++) {
    const Napi::Array entry = array.Get(i).As<Napi::Array>();
    const std::string name = place + "[" + entry.Get(0U).ToString().Utf8Value() + "]";
    pairs.emplace_back(later(given, type->getKeyType(), entry.Get(0U), name),
                       later(given, type->getValueType(), entry.Get(1U), name));
  }
  return [type, pairs] {
    c10::impl::GenericDict dict(type->getKeyType(), type->getValueType());
    for (const auto& [key, value] : pairs) dict.insert_or_assign(key(), value());
    return c10::IValue(std::move(dict));
  };
}

// A value for `Any`, whose type is known only from JavaScript.
Later later_any(Given& given, Napi::Value value, const std::string& place) {
  if (value.IsNull() || value.IsUndefined()) return [] { return c10::IValue(); };
  if (value.IsNumber() || value.IsBigInt() || value.IsBoolean()) {
    return [scalar = c10::IValue(to_scalar(value))] { return scalar; };
  }
  if (value.IsString()) return later(given, c10::StringType::get(), value, place);
  if (value.IsArray()) return later_list(given, c10::AnyType::get(), value, place);
  if (value.As<Napi::Object>().Has("tensor")) return later_tensor(given, value, place);
  return later_dict(given, c10::DictType::create(c10::StringType::get(), c10::AnyType::get()), value, place);
}

c10::IValue plain(const c10::TypePtr& type, Napi::Value value, const std::string& place) {
  switch (type->kind()) {
    case c10::TypeKind::IntType:
      if (!value.IsNumber() && !value.IsBigInt()) reject(place, "an integer");
      return to_int(value, place.c_str());
    case c10::TypeKind::FloatType:
      if (!value.IsNumber()) reject(place, "a number");
      return value.As<Napi::Number>().DoubleValue();
    case c10::TypeKind::BoolType:
      if (!value.IsBoolean()) reject(place, "a boolean");
      return value.As<Napi::Boolean>().Value();
    case c10::TypeKind::NumberType:
      if (!value.IsNumber() && !value.IsBigInt() && !value.IsBoolean()) reject(place, "a number");
      return to_scalar(value);
    case c10::TypeKind::StringType:
      if (!value.IsString()) reject(place, "a string");
      return value.As<Napi::String>().Utf8Value();
    case c10::TypeKind::DeviceObjType:
      if (!value.IsString()) reject(place, "the name of a device");
      return c10::Device(value.As<Napi::String>().Utf8Value());
    case c10::TypeKind::NoneType:
      if (!value.IsNull() && !value.IsUndefined()) reject(place, "null");
      return {};
    default:
      throw c10::NotImplementedError(
          {__func__, __FILE__, static_cast<uint32_t>(__LINE__)},
          "argument '" + place + "' has the type " + type->annotation_str() + ", which JavaScript cannot give");
  }
}

Napi::Value tensor_object(Napi::Env env, Napi::Value id) {
  if (id.IsNull()) return id;
  Napi::Object object = Napi::Object::New(env);
  object.Set("tensor", id);
  return object;
}

Napi::Value promised(Napi::Env env, const c10::Type& type, const std::vector<Handles::Id>& ids, size_t& next) {
  if (type.kind() == c10::TypeKind::TensorType) return tensor_object(env, Napi::Number::New(env, ids[next++]));
  const auto elements = type.expectRef<c10::TupleType>().elements();
  Napi::Array array = Napi::Array::New(env, elements.size());
  for (uint32_t i = 0; i < elements.size(); i++) array.Set(i, promised(env, *elements[i], ids, next));
  return array;
}

template <typename Elements>
Napi::Value to_array(Napi::Env env, Addon& addon, const Elements& elements) {
  Napi::Array array = Napi::Array::New(env, elements.size());
  uint32_t i = 0;
  for (const c10::IValue& element : elements) array.Set(i++, to_value(env, addon, element));
  return array;
}

}  // namespace

Later later(Given& given, const c10::TypePtr& type, Napi::Value value, const std::string& place) {
  switch (type->kind()) {
    case c10::TypeKind::TensorType:
      return later_tensor(given, value, place);
    case c10::TypeKind::ListType:
      return later_list(given, type->expectRef<c10::ListType>().getElementType(), value, place);
    case c10::TypeKind::TupleType:
      return later_tuple(given, type->expect<c10::TupleType>(), value, place);
    case c10::TypeKind::DictType:
      return later_dict(given, type->expect<c10::DictType>(), value, place);
    case c10::TypeKind::AnyType:
      return later_any(given, value, place);
    case c10::TypeKind::OptionalType:
      if (value.IsNull() || value.IsUndefined()) return [] { return c10::IValue(); };
      return later(given, type->expectRef<c10::OptionalType>().getElementType(), value, place);
    default:
      return [made = plain(type, value, place)] { return made; };
  }
}

bool is_tensors(const c10::Type& type) {
  if (type.kind() == c10::TypeKind::TensorType) return true;
  if (type.kind() != c10::TypeKind::TupleType) return false;
  const auto elements = type.expectRef<c10::TupleType>().elements();
  return std::all_of(elements.begin(), elements.end(),
                     [](const c10::TypePtr& element) { return is_tensors(*element); });
}

size_t count_tensors(const c10::Type& type) {
  if (type.kind() == c10::TypeKind::TensorType) return 1;
  size_t count = 0;
  for (const c10::TypePtr& element : type.expectRef<c10::TupleType>().elements()) count += count_tensors(*element);
  return count;
}

void flatten(const c10::IValue& value, Tensors& tensors) {
  if (value.isTensor()) {
    tensors.push_back(value.toTensor());
  } else {
    for (const c10::IValue& element : value.toTupleRef().elements()) flatten(element, tensors);
  }
}

Napi::Value promised(Napi::Env env, const c10::Type& type, const std::vector<Handles::Id>& ids) {
  size_t next = 0;
  return promised(env, type, ids, next);
}

Napi::Value to_value(Napi::Env env, Addon& addon, const c10::IValue& value) {
  Napi::EscapableHandleScope scope(env);
  Napi::Value result;
  if (value.isTensor()) {
    result = tensor_object(env, addon.wrap(env, value.toTensor()));
  } else if (value.isTuple()) {
    result = to_array(env, addon, value.toTupleRef().elements());
  } else if (value.isList()) {
    result = to_array(env, addon, value.toListRef());
  } else if (value.isGenericDict()) {
    Napi::Array entries = Napi::Array::New(env);
    for (const auto& entry : value.toGenericDict()) {
      Napi::Array pair = Napi::Array::New(env, 2);
      pair.Set(0U, to_value(env, addon, entry.key()));
      pair.Set(1U, to_value(env, addon, entry.value()));
      entries.Set(entries.Length(), pair);
    }
    Napi::Object object = Napi::Object::New(env);
    object.Set("entries", entries);
    result = object;
  } else if (value.isDevice()) {
    result = Napi::String::New(env, value.toDevice().str());
  } else {
    result = from_ivalue(env, addon, c10::IValue(value));
  }
  return scope.Escape(result);
}

}  // namespace rnn::binding
